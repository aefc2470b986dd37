"""activities.v1 in routing: what sales and buyers do closes leads, hands them over, counts as work.

Whom an activity is about is found among the leads and attempts that routing has. One about nobody
we know yet is kept for a day and tried again; then it stays, unmatched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final, cast
from uuid import UUID

import asyncpg

from schemas.activity import ActivityName, ActivityRecorded
from schemas.base import RoleName
from services.kernel.hints import HintKind, hints_of
from services.routing.board import Board
from services.routing.deciding import Clock, decide_with
from services.routing.events import outputs
from services.routing.handlers import Meters
from services.routing.happening import NEXT_ROLE, RELEVANT, Handed, Happened, happened
from services.routing.model import Change
from services.routing.plan import Plan
from services.routing.store import activities as store
from services.routing.store.activities import Known, Unmatched
from services.routing.store.boards import Scope
from services.runtime.configstore import LiveConfig, Versioned
from services.runtime.metrics import Metrics
from services.runtime.outbox import Outbox
from services.runtime.records import Output, Record

STAGE: Final = "routing.activities"
KEPT: Final = timedelta(hours=24)
"""How long an activity waits for its lead."""
_MANY: Final = 200
_PAGES: Final = 50
"""Of so many each, in one go."""
_ALL_OF_AN_ACCOUNT: Final = frozenset(
    {ActivityName.WON, ActivityName.LOST, ActivityName.DISQUALIFIED}
)
"""Told of a company, these are about everybody there; others only about a single lead."""


class Activities:
    """The stage, and the retry of what waits for its lead."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        outbox: Outbox,
        config: LiveConfig[Plan],
        clock: Clock,
        metrics: Metrics,
        secret: bytes,
    ) -> None:
        """:param secret: the installation's, under which people's tokens are made."""
        self._pool = pool
        self._outbox = outbox
        self._config = config
        self._clock = clock
        self._meters = Meters(metrics)
        self._secret = secret
        self._after: store.Place | None = None
        """How far it was looked; None: to the end."""

    async def handle(self, records: Sequence[Record[ActivityRecorded]]) -> Sequence[Output]:
        """One batch, one transaction; what changes nothing here is passed over."""
        relevant = [record for record in records if record.event.activity in RELEVANT]
        return await self._outbox.process(relevant, self._decide) if relevant else []

    def acknowledged(self, made: Sequence[Output]) -> None:
        self._outbox.acknowledged(made)
        self._meters.observe(made)

    async def again(self) -> int:
        """Try what waits for its lead once more; how many found it.

        Where more waits than one call looks at the next call goes on behind it: most of it is about
        people who are no leads, and must not keep the others from theirs.
        """
        total = 0
        for _ in range(_PAGES):
            total += await self._page()
            if self._after is None:
                break
        return total

    async def _page(self) -> int:
        after = self._after or store.first_place(self._clock())
        async with self._pool.acquire() as proxy, proxy.transaction():
            connection = cast(asyncpg.Connection, proxy)
            waiting, self._after = await store.waiting(connection, after, _MANY)
            if not waiting:
                return 0
            config = await self._config.locked(connection)
            events = {one.activity_id: one.event for one in waiting}
            found = await self._find(connection, events)
            changes = await self._apply(connection, config, events, found)
            await store.forget(connection, list(found))
            flat = [change for some in changes.values() for change in some]
            made = await self._outbox.store(
                connection, outputs(config.value, flat, cause=None, stage=STAGE)
            )
        await self._outbox.release(made)
        return len(found)

    async def _decide(
        self, connection: asyncpg.Connection, records: Sequence[Record[ActivityRecorded]]
    ) -> Mapping[UUID, Sequence[Output]]:
        config = await self._config.locked(connection)
        events = {record.id: record.event for record in records}
        found = await self._find(connection, events)
        changes = await self._apply(connection, config, events, found)
        unmatched = [Unmatched(id_, event) for id_, event in events.items() if id_ not in found]
        await store.keep(connection, unmatched, self._clock() + KEPT)
        return {
            record.id: outputs(
                config.value,
                changes.get(record.id, []),
                cause=record.id,
                stage=STAGE,
                traceparent=record.envelope.traceparent,
            )
            for record in records
        }

    async def _find(
        self, connection: asyncpg.Connection, events: Mapping[UUID, ActivityRecorded]
    ) -> dict[UUID, list[Known]]:
        """The leads that each activity is about; who is about nobody is left out."""
        hints = {id_: hints_of(event, self._secret) for id_, event in events.items()}
        every = {hint for some in hints.values() for hint in some}
        known = await store.resolve(connection, every)
        found: dict[UUID, list[Known]] = {}
        for id_, some in hints.items():
            hint = next((one for one in some if known.get(one)), None)
            if hint is None:
                continue
            leads = known[hint]
            everybody = events[id_].activity in _ALL_OF_AN_ACCOUNT
            if hint.kind is HintKind.ACCOUNT and len(leads) > 1 and not everybody:
                leads = []  # known, but of several people nobody says which
            found[id_] = leads
        return found

    async def _apply(
        self,
        connection: asyncpg.Connection,
        config: Versioned[Plan],
        events: Mapping[UUID, ActivityRecorded],
        found: Mapping[UUID, Sequence[Known]],
    ) -> dict[UUID, list[Change]]:
        """Decide role by role; within one, in the order of the batch."""
        await store.tell_accounts(connection, list(events.values()), found, events)
        happening = [
            (id_, Happened(events[id_], lead.lead_id))
            for id_, some in found.items()
            for lead in some
        ]
        changes: dict[UUID, list[Change]] = {}
        if not happening:
            return changes
        handed: Handed = {}
        scope = _scope(config.value, events, found)
        for role in RoleName:
            if role is not RoleName.SDR and config.value.rule_set(role) is None:
                continue

            def work(board: Board) -> list[tuple[UUID, list[Change]]]:
                return [(id_, happened(board, one, handed)) for id_, one in happening]

            for id_, some in await decide_with(connection, config, self._clock, scope, work, role):
                changes.setdefault(id_, []).extend(some)
        return changes


def _scope(
    plan: Plan,
    events: Mapping[UUID, ActivityRecorded],
    found: Mapping[UUID, Sequence[Known]],
) -> Scope:
    """The leads and accounts; and the pools of the roles that may take one over."""
    leads = [lead for some in found.values() for lead in some]
    roles = {NEXT_ROLE.get(events[id_].activity) for id_ in found}
    pools = frozenset(
        pool.id
        for pool in plan.teams.pools
        if pool.role in roles and plan.rule_set(pool.role) is not None
    )
    return Scope(
        leads={lead.lead_id: 0 for lead in leads},
        accounts=frozenset(lead.account_key for lead in leads),
        pools=pools,
    )
