"""Giving held leads to reps as they become free: each second, by tier and age."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import datetime
from typing import Final, cast

import asyncpg

from schemas.assignment import AssignmentStatus
from schemas.base import RoleName
from services.routing import decide
from services.routing.board import Board
from services.routing.deciding import Clock, decide_with
from services.routing.events import outputs
from services.routing.handlers import Meters
from services.routing.model import Change
from services.routing.offer import BURST, LOOKED_AT_MORE
from services.routing.plan import Plan
from services.routing.store import queues as store
from services.routing.store.boards import Scope
from services.routing.store.queues import Held, Queue
from services.runtime.configstore import LiveConfig
from services.runtime.metrics import Metrics
from services.runtime.outbox import Outbox

PERIOD_S: Final = 1.0
STAGE: Final = "routing.drain"


class Drain:
    """The background task; any number of processes may run one."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        outbox: Outbox,
        config: LiveConfig[Plan],
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._pool = pool
        self._outbox = outbox
        self._config = config
        self._clock = clock
        self._metrics = metrics
        self._meters = Meters(metrics)
        self._woken = asyncio.Event()
        self._shown: set[str] = set()

    def wake(self) -> None:
        """Look at once: somebody may have become free."""
        self._woken.set()

    async def run(self) -> None:
        """Drain until cancelled."""
        while True:
            await self.once()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), PERIOD_S)
            self._woken.clear()

    async def once(self) -> int:
        """One pass over all pools that somebody waits for; how many leads were given out."""
        now = self._clock()
        waiting = await store.queues(self._pool, now)
        self._show(waiting, now)
        given = 0
        for queue in waiting:
            given += await self._queue(queue, now)
        return given

    async def _queue(self, queue: Queue, now: datetime) -> int:
        plan = self._config.current.value
        free = _working(plan, queue.pool, now)
        if not free and not queue.overdue:
            return 0
        limit = BURST * free + LOOKED_AT_MORE if free else 0
        held = await store.first(self._pool, queue.pool, now, limit)
        given = 0
        # A pool that the configuration has dropped, or given to others, says nothing of its leads.
        for role in RoleName:
            mine = [one for one in held if one.role == role.value]
            given += await self._try(queue.pool, role, mine) if mine else 0
        return given

    async def _try(self, name: str, role: RoleName, held: list[Held]) -> int:
        async with self._pool.acquire() as proxy, proxy.transaction():
            connection = cast(asyncpg.Connection, proxy)
            config = await self._config.locked(connection)
            scope = Scope(
                leads={one.lead_id: 0 for one in held},
                accounts=frozenset(one.account_key for one in held),
                pools=config.value.reachable(name, role),
            )
            changes = await decide_with(
                connection, config, self._clock, scope, lambda board: _drained(board, held), role
            )
            made = await self._outbox.store(
                connection, outputs(config.value, changes, cause=None, stage=STAGE)
            )
        await self._outbox.release(made)
        self._meters.observe(made)
        return len(changes)

    def _show(self, waiting: list[Queue], now: datetime) -> None:
        for name in self._shown - {queue.pool for queue in waiting}:
            self._metrics.holds.labels(name).set(0)
            self._metrics.oldest_hold.labels(name).set(0)
        for queue in waiting:
            age = max(0.0, (now - queue.oldest).total_seconds())
            self._metrics.holds.labels(queue.pool).set(queue.held)
            self._metrics.oldest_hold.labels(queue.pool).set(age)
            self._shown.add(queue.pool)


def _working(plan: Plan, name: str, now: datetime) -> int:
    """Who of a pool, or of those it overflows into, works now, whoever stands in included; caps and
    changes by command are looked at under the locks."""
    members = {member for pool in plan.chain(name) for member in plan.seats[pool.id]}
    return sum(plan.away(member, now) is None for member in members)


def _drained(board: Board, held: list[Held]) -> list[Change]:
    board.burst = BURST
    changes: list[Change] = []
    found = [board.lead(one.lead_id, one.account_key) for one in held]
    attempts = [lead.last for lead in found if lead.last is not None]
    waiting = [one for one in attempts if one.status is AssignmentStatus.HELD]
    for attempt in sorted(waiting, key=lambda one: one.rank):
        scored = board.lead_of(attempt).scored
        assert scored is not None  # the scope asks for it
        changes += decide.drained(board, attempt, scored)
    return changes
