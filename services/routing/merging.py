"""Merges leads of one person: checks, decides each role under the locks, tells of it.

Which lead stands for which is kept with the leads, so that every later decision finds it. Capture
learns it from the closing event, and gives later submissions to the survivor from the start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

import asyncpg
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt

from schemas.base import RoleName
from services.routing.board import Board
from services.routing.deciding import Clock, decide_with
from services.routing.events import outputs
from services.routing.handlers import Meters
from services.routing.merge import merged
from services.routing.model import Change
from services.routing.plan import Plan
from services.routing.store import merges
from services.routing.store.boards import Scope
from services.runtime.configstore import LiveConfig, Versioned
from services.runtime.metrics import Metrics
from services.runtime.outbox import Outbox

STAGE = "routing.merges"
_TRIES = 4


class UnknownLead(ValueError):
    """Nothing was decided about such a lead."""


class NotMerged(ValueError):
    """These two cannot become one; the message says why."""


class _RolledBack(Exception):
    """Ends a rehearsal."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks for which, and why."""

    survivor: UUID
    other: UUID
    by: str
    reason: str = ""
    dry_run: bool = False


class Merging:
    """Carries merges out."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        outbox: Outbox,
        config: LiveConfig[Plan],
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self.pool = pool
        self._outbox = outbox
        self._config = config
        self._clock = clock
        self._meters = Meters(metrics)

    async def run(self, asked: Asked) -> dict[str, Any]:
        """Merge, or say what that would do. Repeated, it changes nothing.

        :raises UnknownLead: one of them.
        :raises NotMerged: they are one, or one of them stands for nobody any more.
        """
        # A submission on its way to the merged lead may take the locks in another order.
        tries = AsyncRetrying(
            retry=retry_if_exception_type(asyncpg.DeadlockDetectedError),
            stop=stop_after_attempt(_TRIES),
            reraise=True,
        )
        return await tries(self._once, asked)

    async def _once(self, asked: Asked) -> dict[str, Any]:
        changes: list[Change] = []
        made: Sequence[Any] = ()
        try:
            async with self.pool.acquire() as proxy, proxy.transaction():
                connection = cast(asyncpg.Connection, proxy)
                config = await self._config.locked(connection)
                changes = await self._merged(connection, config, asked)
                if asked.dry_run:
                    raise _RolledBack
                made = await self._outbox.store(
                    connection, outputs(config.value, changes, cause=None, stage=STAGE)
                )
        except _RolledBack:
            return _told(asked, changes)
        await self._outbox.release(made)
        self._meters.observe(made)
        return _told(asked, changes)

    async def survivor(self, lead: UUID) -> UUID | None:
        """Which lead stands for this one; None where it is itself."""
        async with self.pool.acquire() as proxy:
            return await merges.survivor(cast(asyncpg.Connection, proxy), lead)

    async def stands_for(self, lead: UUID) -> list[UUID]:
        """The leads that were merged into this one."""
        async with self.pool.acquire() as proxy:
            return await merges.stands_for(cast(asyncpg.Connection, proxy), lead)

    async def _merged(
        self, connection: asyncpg.Connection, config: Versioned[Plan], asked: Asked
    ) -> list[Change]:
        leads = (asked.survivor, asked.other)
        if asked.survivor == asked.other:
            raise NotMerged("they are one lead already")
        accounts = await merges.accounts(connection, leads)
        for lead in leads:
            if lead not in accounts:
                raise UnknownLead(f"nothing was decided about lead {lead}")
        pools = await merges.pools(connection, leads)
        reachable = {pool for name in pools for pool in config.value.reachable(name)}
        scope = Scope(dict.fromkeys(leads, 0), frozenset(accounts.values()), frozenset(reachable))
        changes: list[Change] = []
        for role in RoleName:

            def work(board: Board) -> list[Change] | None:
                return _of_role(board, asked)

            found = await decide_with(connection, config, self._clock, scope, work, role)
            if found is None:
                return []
            changes += found
        await merges.follow(connection, asked.other, asked.survivor)
        return changes


def _of_role(board: Board, asked: Asked) -> list[Change] | None:
    """None where they are merged already. Looked at under the locks."""
    kept = board.loaded.leads[asked.survivor]
    gone = board.loaded.leads[asked.other]
    if kept.merged_into is not None:
        raise NotMerged(f"lead {kept.lead_id} was merged itself; {kept.merged_into} stands for it")
    if board.role is RoleName.SDR:
        if gone.merged_into == asked.survivor:
            return None
        if gone.merged_into is not None:
            raise NotMerged(f"lead {gone.lead_id} was merged into {gone.merged_into} before")
    changes = merged(board, asked.survivor, asked.other, _said(asked))
    board.merge(board.loaded.leads[asked.other], asked.survivor)
    return changes


def _said(asked: Asked) -> str:
    """Who asked, and why, as the event's sentence quotes it."""
    text = asked.reason.strip()[:200]
    return f" by {asked.by}" + (f" ({text})" if text else "")


def _told(asked: Asked, changes: Sequence[Change]) -> dict[str, Any]:
    return {
        "survivor": asked.survivor,
        "merged": asked.other,
        "dry_run": asked.dry_run,
        "already": not changes,
        "changes": [
            {
                "lead_id": one.attempt.lead_id,
                "assignment_id": one.attempt.assignment_id,
                "role": one.attempt.role.value,
                "status": one.status.value,
                "rep": one.attempt.rep_id,
                "reason": one.reason,
            }
            for one in changes
        ],
    }
