"""AssignmentChanged in, rows to be delivered out: nothing is sent from here."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar
from uuid import UUID

import asyncpg
import structlog

from schemas.activity import ActivityName, ActivityRecorded
from schemas.assignment import AssignmentChanged
from schemas.base import Event
from schemas.erasure import LeadErased
from schemas.people import PersonChanged
from schemas.touch import TouchDue
from services.delivery import due
from services.delivery.config import DeliveryFile
from services.delivery.farewell import farewells
from services.delivery.policy import wanted_by
from services.delivery.store import current, deliveries, early, erasing, people, refusals
from services.kernel.hints import Hint, HintKind, hints_of
from services.runtime.database import Connection
from services.runtime.erasure import Forgotten
from services.runtime.outbox import Outbox
from services.runtime.records import Output, Record

log = structlog.get_logger(__name__)

E = TypeVar("E", bound=Event)


class _Storing(ABC, Generic[E]):
    """A stage that only writes rows: one batch, one transaction; what comes again adds nothing."""

    def __init__(
        self, outbox: Outbox, config: Callable[[], DeliveryFile], wake: Callable[[], None]
    ) -> None:
        """:param wake: called after the commit of a batch."""
        self._outbox = outbox
        self._config = config
        self._wake = wake

    async def handle(self, records: Sequence[Record[E]]) -> Sequence[Output]:
        """One batch, one transaction; what comes again adds nothing."""
        outputs = await self._outbox.process(records, self._store)
        self._wake()
        return outputs

    @abstractmethod
    async def _store(
        self, conn: Connection, records: Sequence[Record[E]]
    ) -> Mapping[UUID, Sequence[Output]]: ...


class Dispatcher(_Storing[AssignmentChanged]):
    """The handler of assignments.v1: a row for each sink that is concerned."""

    async def _store(
        self, conn: Connection, records: Sequence[Record[AssignmentChanged]]
    ) -> Mapping[UUID, Sequence[Output]]:
        config = self._config()
        await early.among_others(conn)
        await current.keep(conn, [(record.event, record.value) for record in records])
        await deliveries.add(
            conn,
            [
                (record.event, record.value, tuple(wanted_by(config, record.event)))
                for record in records
            ],
        )
        await due.store_early(conn, config, [record.event for record in records])
        return {}


class Reminders(_Storing[TouchDue]):
    """The handler of touches.v1: what is due on a lead, to whoever has it now."""

    async def _store(
        self, conn: Connection, records: Sequence[Record[TouchDue]]
    ) -> Mapping[UUID, Sequence[Output]]:
        told = [due.Told(one.id, one.event, one.value, one.envelope.time) for one in records]
        await due.store(conn, self._config(), told)
        return {}


class Unsubscribing:
    """The handler of activities.v1: who wants to hear nothing more.

    Kept by what the activity names, whether or not we know the lead already; a company or a browser
    unsubscribes nobody.
    """

    def __init__(self, outbox: Outbox, secret: bytes) -> None:
        """:param secret: the installation's, under which people's tokens are made."""
        self._outbox = outbox
        self._secret = secret

    async def handle(self, records: Sequence[Record[ActivityRecorded]]) -> Sequence[Output]:
        """One batch, one transaction; the latest of each person counts."""
        told = [one for one in records if one.event.activity is ActivityName.UNSUBSCRIBED]
        return await self._outbox.process(told, self._store) if told else []

    async def _store(
        self, conn: Connection, records: Sequence[Record[ActivityRecorded]]
    ) -> Mapping[UUID, Sequence[Output]]:
        for record in records:
            hints = hints_of(record.event, self._secret)
            persons = {UUID(hint.value) for hint in hints if hint.kind in _PERSONS}
            persons |= await current.leads_of(conn, _attempts(hints))
            await refusals.keep(conn, persons, record.event.occurred_at)
        return {}


_PERSONS = frozenset({HintKind.LEAD, HintKind.PERSON})


def _attempts(hints: Sequence[Hint]) -> list[UUID]:
    return [UUID(hint.value) for hint in hints if hint.kind is HintKind.ASSIGNMENT]


class Directory:
    """The handler of people.v1: who the reps are elsewhere."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def handle(self, records: Sequence[Record[PersonChanged]]) -> Sequence[Output]:
        """Keep the newest of each; what comes again changes nothing."""
        async with self._pool.acquire() as conn, conn.transaction():
            await people.keep(conn, [record.event for record in records])
        return []


class Forgetting:
    """The handler of erasures.v1: the rows of the lead go, and sinks that were told of it hear
    that they have to."""

    def __init__(self, config: Callable[[], DeliveryFile]) -> None:
        self._config = config

    async def forget(self, conn: Connection, event: LeadErased) -> Forgotten:
        """One transaction: who was told is known only until the rows are gone."""
        told = await erasing.told(conn, event)
        found = await erasing.forget(conn, event)
        await erasing.say_farewell(conn, list(farewells(self._config(), told, event)))
        return found
