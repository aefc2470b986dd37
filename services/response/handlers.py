"""AssignmentChanged, ActivityRecorded and PersonChanged in; the clocks follow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from schemas.activity import ActivityRecorded
from schemas.assignment import AssignmentChanged, AssignmentStatus
from schemas.people import PersonChanged
from services.response import cadence
from services.response.clocks import assigned
from services.response.measures import Meters
from services.response.model import Change, Lead, Measured
from services.response.policy import Policy
from services.response.store import feeds, leads
from services.response.store.feeds import Told
from services.response.store.leads import Key
from services.response.terms import Terms
from services.response.touches import WEBSITE, concerned, matters, told_after, touched
from services.response.touring import enrol, heed
from services.runtime.configstore import LiveConfig
from services.runtime.database import Connection
from services.runtime.outbox import Outbox
from services.runtime.records import Output, Record

STAGE = "response"
ACTIVITIES_STAGE = "response.activities"
PEOPLE_STAGE = "response.people"
_PAGES = 20  # of what waits for its lead, in one go


class Ledger:
    """The changes of one transaction: one for each lead, whatever happened to it in the batch."""

    def __init__(self, before: Mapping[Key, Lead]) -> None:
        self._before = dict(before)
        self._changes: dict[Key, Change] = {}

    def lead(self, key: Key) -> Lead | None:
        change = self._changes.get(key)
        return change.lead if change is not None else self._before.get(key)

    def roles(self, lead_id: UUID) -> list[Lead]:
        """The lead as it stands now, for each role."""
        keys = {*self._before, *self._changes}
        found = [self.lead(key) for key in sorted(keys) if key[0] == lead_id]
        return [lead for lead in found if lead is not None]

    def add(self, change: Change | None) -> None:
        if change is not None:
            known = self._changes.get(change.lead.key)
            self._changes[change.lead.key] = change if known is None else known.then(change)

    @property
    def changes(self) -> list[Change]:
        return [self._changes[key] for key in sorted(self._changes)]

    @property
    def measured(self) -> list[Measured]:
        return [one for change in self._changes.values() for one in change.measured]


class Assignments:
    """The stage on assignments.v1: who has a lead, and since when."""

    def __init__(
        self, outbox: Outbox, config: LiveConfig[Policy], meters: Meters, scale: float
    ) -> None:
        self._outbox = outbox
        self._config = config
        self._meters = meters
        self._scale = scale

    async def handle(self, records: Sequence[Record[AssignmentChanged]]) -> Sequence[Output]:
        """Start, stop and restart clocks as leads change hands."""
        measured: list[Measured] = []

        async def decide(
            connection: asyncpg.Connection, fresh: Sequence[Record[AssignmentChanged]]
        ) -> Mapping[UUID, Sequence[Output]]:
            measured.extend(await self._decide(connection, [record.event for record in fresh]))
            return {}

        made = await self._outbox.process(records, decide)
        self._meters.observe(measured)
        return made

    async def _decide(
        self, connection: Connection, events: Sequence[AssignmentChanged]
    ) -> list[Measured]:
        config = await self._config.locked(connection)
        ledger = Ledger(await leads.lock(connection, {event.lead_id for event in events}))
        now = await feeds.database_time(connection)
        reps = concerned_reps(events, config.value)
        terms = Terms(
            config.value, config.version, await feeds.hours(connection, reps), self._scale
        )
        told = await feeds.told_of(connection, {event.lead_id for event in events}, now)
        for event in events:
            follow(ledger, event, told.get(event.lead_id, ()), now, terms)
        emails = {
            event.lead.email.strip().casefold(): event.lead_id
            for event in events
            if event.lead.email
        }
        await leads.known_as(
            connection, {event.assignment_id: event.lead_id for event in events}, emails
        )
        await leads.save(connection, ledger.changes, now)
        await self._plan(connection, ledger, events, told, terms, now)
        return [
            *ledger.measured,
            *await self._recall(connection, events, emails, config.value, now),
        ]

    async def _plan(
        self,
        connection: Connection,
        ledger: Ledger,
        events: Sequence[AssignmentChanged],
        told: Mapping[UUID, Sequence[ActivityRecorded]],
        terms: Terms,
        now: datetime,
    ) -> None:
        """Enrol in touch plans, and end those that what was told since has ended."""
        stands = [(ledger.lead((event.lead_id, event.role.value)), event) for event in events]
        enrolled = [(lead, event) for lead, event in stands if lead is not None]
        await leads.save(connection, await enrol(connection, enrolled, terms, now), now)
        over = [
            (event.lead_id, one)
            for event in events
            for one in told.get(event.lead_id, ())
            if cadence.ends(one) and told_after(one, event)
        ]
        if over:
            await leads.save(connection, await heed(connection, over, terms.policy, now), now)

    async def _recall(
        self,
        connection: Connection,
        events: Sequence[AssignmentChanged],
        emails: Iterable[str],
        policy: Policy,
        now: datetime,
    ) -> list[Measured]:
        """Activities that were told before the assignment that they are about."""
        waited = await feeds.take_waiting(
            connection,
            {event.lead_id for event in events},
            {event.assignment_id for event in events},
            emails,
            {event.account_key for event in events},
            now,
        )
        measured, missing = await _stop(connection, waited, policy, now)
        if missing:
            await feeds.keep(connection, missing, now)
        return measured


class Activities:
    """The stage on activities.v1: the first human touch stops the clocks."""

    def __init__(self, outbox: Outbox, config: LiveConfig[Policy], meters: Meters) -> None:
        self._outbox = outbox
        self._config = config
        self._meters = meters
        self._after = feeds.FIRST_PLACE  # so far it was looked among what waits for its lead

    async def handle(self, records: Sequence[Record[ActivityRecorded]]) -> Sequence[Output]:
        """Find the lead, by whatever name it is given, and stop what the touch stops."""
        measured: list[Measured] = []

        async def decide(
            connection: asyncpg.Connection, fresh: Sequence[Record[ActivityRecorded]]
        ) -> Mapping[UUID, Sequence[Output]]:
            measured.extend(await self._decide(connection, fresh))
            return {}

        made = await self._outbox.process(records, decide)
        self._meters.observe(measured)
        return made

    async def again(self, pool: asyncpg.Pool, limit: int) -> int:
        """Look again, from where the last call ended, at what waits; how many found their lead."""
        total = 0
        for _ in range(_PAGES):
            total += await self._page(pool, limit)
            if self._after == feeds.FIRST_PLACE:
                break
        return total

    async def _page(self, pool: asyncpg.Pool, limit: int) -> int:
        async with pool.acquire() as connection, connection.transaction():
            now = await feeds.database_time(connection)
            given, self._after = await feeds.all_waiting(connection, now, self._after, limit)
            await feeds.forget(connection, now, limit)
            measured, missing = await _stop(connection, given, self._config.current.value, now)
            gone = {event_id for event_id, _ in given} - {event_id for event_id, _ in missing}
            if gone:
                await feeds.found(connection, gone)
        self._meters.observe(measured)
        return len(gone)

    async def _decide(
        self, connection: Connection, records: Sequence[Record[ActivityRecorded]]
    ) -> list[Measured]:
        now = await feeds.database_time(connection)
        told = [one.event.occurred_at for one in records if one.event.activity not in WEBSITE]
        if told:
            await feeds.heard(connection, min(max(told), now), now)
        given = [
            (one.id, one.event)
            for one in records
            if matters(one.event) or cadence.matters(one.event)
        ]
        measured, missing = await _stop(connection, given, self._config.current.value, now)
        if missing:
            await feeds.keep(connection, missing, now)
        return measured


async def _stop(
    connection: Connection, given: Sequence[Told], policy: Policy, now: datetime
) -> tuple[list[Measured], list[Told]]:
    """Apply activities; gives what is to be measured, and those about nobody known."""
    if not given:
        return [], []
    seen = await feeds.about(connection, [event for _, event in given])
    # One whose assignment is being stored at this moment is locked by it: known behind the lock.
    named = [one or event.lead_id for one, (_, event) in zip(seen, given, strict=True)]
    ledger = Ledger(await leads.lock(connection, {one for one in named if one is not None}))
    about = [one if one is not None and ledger.roles(one) else None for one in named]
    missing = [
        one
        for one, lead_id in zip(given, about, strict=True)
        if lead_id is None or not apply(ledger, lead_id, one[1], now)
    ]
    await leads.save(connection, ledger.changes, now)
    found = [
        (lead_id, one) for one, lead_id in zip(given, about, strict=True) if lead_id is not None
    ]
    await feeds.remember(connection, found, now)
    heeded = await heed(connection, [(lead_id, one[1]) for lead_id, one in found], policy, now)
    await leads.save(connection, heeded, now)
    return ledger.measured, missing


def concerned_reps(events: Sequence[AssignmentChanged], policy: Policy) -> set[str]:
    """Whose hours count: of who has a lead, and of all who might take one that waits."""
    reps = {event.rep.id for event in events if event.rep is not None}
    waits = {event.pool for event in events if event.status is AssignmentStatus.HELD}
    return reps.union(*(policy.members.get(pool or "", ()) for pool in waits))


def follow(
    ledger: Ledger,
    event: AssignmentChanged,
    told: Iterable[ActivityRecorded],
    now: datetime,
    terms: Terms,
) -> None:
    """What an assignment changes, then what was told after it and read before it."""
    key = event.lead_id, event.role.value
    change = assigned(ledger.lead(key), event, now, terms)
    ledger.add(change)
    if change is None:
        return
    for one in told:
        lead = ledger.lead(key)
        if lead in concerned(ledger.roles(event.lead_id), one) and told_after(one, event):
            assert lead is not None
            ledger.add(touched(lead, one, now))


def apply(ledger: Ledger, lead_id: UUID, event: ActivityRecorded, now: datetime) -> bool:
    """Whether the lead is known; what the activity stops is in the ledger then."""
    roles = ledger.roles(lead_id)
    for lead in concerned(roles, event):
        ledger.add(touched(lead, event, now))
    return bool(roles)


class People:
    """The stage on people.v1: when each person works."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def handle(self, records: Iterable[Record[PersonChanged]]) -> Sequence[Output]:
        """Keep the newest hours of each person; a clock that runs already does not move."""
        async with self._pool.acquire() as connection:
            await feeds.people(connection, [record.event for record in records])
        return ()
