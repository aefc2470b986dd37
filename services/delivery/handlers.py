"""AssignmentChanged in, rows to be delivered out: nothing is sent from here."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar
from uuid import UUID

import asyncpg
import structlog

from schemas.activity import ActivityName, ActivityRecorded
from schemas.assignment import AssignmentChanged, Rep
from schemas.base import Event
from schemas.people import PersonChanged
from schemas.touch import Audience, TouchDue
from services.delivery.config import DeliveryFile
from services.delivery.policy import touched_by, wanted_by
from services.delivery.store import current, deliveries, people, refusals
from services.kernel.hints import Hint, HintKind, hints_of
from services.runtime.database import Connection
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
        await current.keep(conn, [(record.event, record.value) for record in records])
        await deliveries.add(
            conn,
            [
                (record.event, record.value, tuple(wanted_by(config, record.event)))
                for record in records
            ],
        )
        return {}


class Reminders(_Storing[TouchDue]):
    """The handler of touches.v1: what is due on a lead, to whoever has it now.

    A touch of an attempt that is over reminds nobody; that a plan is over concerns the lead,
    whoever has it.
    """

    async def _store(
        self, conn: Connection, records: Sequence[Record[TouchDue]]
    ) -> Mapping[UUID, Sequence[Output]]:
        config = self._config()
        changes = await current.changes_of(conn, {one.event.assignment_id for one in records})
        over = {one.event.lead_id for one in records if one.event.ended is not None}
        of_leads = await current.changes_of_leads(conn, over) if over else {}
        managers = await _managers(conn, [one.event for one in records])
        due = []
        for record in records:
            found = changes.get(record.event.assignment_id)
            if found is None and record.event.ended is not None:
                found = of_leads.get(record.event.lead_id)
            if found is not None and _is_for_manager(record.event):
                found = _to_manager(found[0], managers.get(record.event.rep_id))
            if found is not None:
                change, value = found
                sinks = tuple(touched_by(config, record.event, change))
                due.append(
                    deliveries.DueTouch(record.id, record.event, record.value, change, value, sinks)
                )
        await deliveries.add_touches(conn, due)
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


def _is_for_manager(touch: TouchDue) -> bool:
    """News of a company go to the manager of whoever has the lead; after an escalation the manager
    has it."""
    return touch.signal is not None and touch.audience is Audience.MANAGER


async def _managers(conn: Connection, touches: Sequence[TouchDue]) -> dict[str, Rep]:
    reps = {one.rep_id for one in touches if _is_for_manager(one)}
    return await people.managers(conn, reps) if reps else {}


def _to_manager(
    change: AssignmentChanged, manager: Rep | None
) -> tuple[AssignmentChanged, bytes] | None:
    """The attempt as it is told to the manager of its rep; None where nobody is known."""
    if manager is None:
        log.info("signal.no_manager", rep_id=change.rep.id if change.rep else None)
        return None
    told = change.model_copy(update={"rep": manager})
    return told, told.encode()


class Directory:
    """The handler of people.v1: who the reps are elsewhere."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def handle(self, records: Sequence[Record[PersonChanged]]) -> Sequence[Output]:
        """Keep the newest of each; what comes again changes nothing."""
        async with self._pool.acquire() as conn, conn.transaction():
            await people.keep(conn, [record.event for record in records])
        return []
