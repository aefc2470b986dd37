"""Erasing a lead: what each service does alike, and what keeps the lead away afterwards.

``erased`` of each schema says which leads were erased, and when: no word about anybody. Its row is
written in the transaction that deletes the rows of the lead, so it is also the service's answer to
``handraise erase``. Whoever claims an input reads it in the claiming transaction, under a lock that
an erasure takes for itself: what was received before the erasure is dropped, however the two run
beside each other.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar
from uuid import UUID

import asyncpg
from aiokafka.errors import KafkaError
from pydantic_core import to_json

from schemas.base import Event, Lane
from schemas.enrichment import LeadEnriched
from schemas.erasure import LeadErased, lead_of
from schemas.lead import LeadCaptured
from schemas.score import LeadScored
from schemas.submission import SubmissionReceived
from schemas.topics import ERASURES, TopicSpec, dead_letter_topic
from services.runtime import erasure_sql as sql
from services.runtime.database import Connection
from services.runtime.pruning import Keep, Prunable
from services.runtime.records import Output, Record
from services.runtime.stage import dead_letter as named
from services.runtime.stage.spec import StageSpec

if TYPE_CHECKING:
    from services.runtime.outbox import Outbox

R = TypeVar("R", bound=Record[Any])

REST_S: Final = 0.5
"""Of the stages that erase: nobody waits for them."""


def tables(schema: str) -> str:
    """DDL of ``erased``; for a migration behind the one that made inbox and outbox."""
    return sql.in_place(sql.DDL, schema)


def prunable(schema: str) -> Prunable:
    """What is left of an erasure goes when repeats of older inputs are refused as too old."""
    return Prunable(f"{schema}.erased", Keep.REPEATS, "erased_at")


class NotPublished(KafkaError):  # type: ignore[misc]  # aiokafka has no types
    """Events of the lead wait for Kafka; their rows go when they are out."""


# -- what comes after an erasure, and is older -------------------------------------------------
def older(
    records: Iterable[Record[Any]], erased: Mapping[UUID, datetime]
) -> dict[UUID, Record[Any]]:
    """Of the records those about leads that were erased after they were received, by their ids."""
    if not erased:
        return {}
    return {one.id: one for one in records if _is_older(one, erased)}


async def without_erased(conn: Connection, schema: str, records: Sequence[R]) -> list[R]:
    """The records without those that are older than their lead's erasure, for a handler that claims
    no inputs; inside its transaction, before it writes."""
    leads = [lead for one in records if (lead := lead_of(one.event)) is not None]
    rows = await conn.fetch(sql.in_place(sql.AMONG, schema), leads)
    gone = older(records, {row["lead_id"]: row["erased_at"] for row in rows})
    return [one for one in records if one.id not in gone]


def _is_older(record: Record[Any], erased: Mapping[UUID, datetime]) -> bool:
    lead = lead_of(record.event)
    at = erased.get(lead) if lead is not None else None
    return at is not None and received_at(record) <= at


def received_at(record: Record[Any]) -> datetime:
    """When what a record tells of reached us; of what says nothing, when it was written."""
    at: datetime | None = getattr(record.event, "received_at", None)
    return record.envelope.time if at is None else at


def end_of(event: Event, topic: str, service: str) -> list[Output]:
    """The end of the submission that a dropped event would have brought to one.

    A dead letter that holds the submission's id and nothing else: accounts stay complete, and there
    is nothing to replay. Empty where no submission waits for an end.

    :param topic: where the event came from.
    """
    if not isinstance(event, _ON_THE_WAY) or getattr(event, "late", False):
        return []
    if event.submission_id is None:
        return []
    headers = {
        named.REASON: named.ERASED,
        named.DETAIL: "the lead was erased after this was received",
        named.TOPIC: topic,
        named.STAGE: service,
        named.AT: datetime.now(UTC).isoformat(),
    }
    return [
        Output(
            dead_letter_topic(topic, service),
            str(event.submission_id).encode(),
            to_json({"submission_id": event.submission_id}),
            tuple((name, value.encode()) for name, value in headers.items()),
        )
    ]


_ON_THE_WAY = (SubmissionReceived, LeadCaptured, LeadEnriched, LeadScored)
"""What a submission becomes before its end. An assignment is one."""


# -- the stage that erases ----------------------------------------------------------------------
@dataclass(slots=True)
class Forgotten:
    """What a service's own tables held of a lead, that is needed beside them."""

    keys: set[str] = field(default_factory=set)
    """Of the records that it may have published about the lead."""
    names: set[str] = field(default_factory=set)
    """Subjects of such records, beside the lead's id."""
    last: int = 0
    """The number of the last event; those of a new life go on behind it."""
    outputs: list[Output] = field(default_factory=list)
    """What is to be told: ends of submissions, a tombstone."""


Held = Mapping[str, str]
"""Tables of a service to the SQL that finds the rows of the lead ``$1``."""


def held_alike(schema: str, *tables: str) -> dict[str, str]:
    """:data:`Held` of tables that name the lead by its id."""
    return {f"{schema}.{table}": "lead_id = $1" for table in tables}


async def delete_alike(conn: Connection, lead: UUID, schema: str, *tables: str) -> None:
    """Delete the rows of a lead from tables that name it by its id."""
    for table in tables:
        await conn.execute(f"delete from {schema}.{table} where lead_id = $1", lead)


async def count(conn: Connection, held: Held, lead: UUID) -> dict[str, int]:
    """How many rows of each table are about a lead; tables without any are left out."""
    rows = {
        table: await conn.fetchval(f"select count(*) from {table} where {of}", lead)
        for table, of in held.items()
    }
    return {table: number for table, number in rows.items() if number}


Forget = Callable[[Connection, LeadErased], Awaitable[Forgotten]]
"""Deletes the rows of a lead from the tables that are a service's own."""


class Eraser:
    """The handler of erasures.v1 in one service."""

    def __init__(self, schema: str, outbox: Outbox, forget: Forget) -> None:
        self._schema = schema
        self._published = sql.in_place(sql.PUBLISHED, schema)
        self._unpublished = sql.in_place(sql.UNPUBLISHED, schema)
        self._outbox = outbox
        self._forget = forget

    async def handle(self, records: Sequence[Record[LeadErased]]) -> Sequence[Output]:
        """Delete what is known of a lead, and remember only that it was erased, and when."""
        return await self._outbox.process(records, self._decide)

    async def _decide(
        self, conn: asyncpg.Connection, records: Sequence[Record[LeadErased]]
    ) -> Mapping[UUID, Sequence[Output]]:
        await conn.execute(sql.PATIENCE)
        await conn.execute(sql.in_place(sql.ALONE, self._schema))
        return {record.id: await self._erase(conn, record.event) for record in records}

    async def _erase(self, conn: Connection, event: LeadErased) -> list[Output]:
        found = await self._forget(conn, event)
        subjects = [str(event.lead_id), *sorted(found.names)]
        keys = [key.encode() for key in {str(event.lead_id), *found.keys}]
        await conn.execute(self._published, keys, subjects)
        if await conn.fetchval(self._unpublished, keys, subjects):
            raise NotPublished
        await conn.execute(
            sql.in_place(sql.REMEMBER, self._schema), event.lead_id, event.erased_at, found.last
        )
        return found.outputs


def stage(
    service: str,
    outbox: Outbox,
    forget: Forget,
    *,
    lane: Lane = Lane.BULK,
    outputs: tuple[TopicSpec, ...] = (),
) -> StageSpec[LeadErased]:
    """The stage on erasures.v1, in a group of its own. Its schema has the name of the service.

    :param lane: of the outbox.
    """
    return StageSpec(
        name=f"{service}.erasures",
        service=service,
        lane=lane,
        inputs=(ERASURES,),
        model=LeadErased,
        outputs=outputs,
        handler=Eraser(service, outbox, forget).handle,
        rest_s=REST_S,
        on_acknowledged=outbox.acknowledged,
    )


async def answers(
    conn: Connection, schema: str, leads: Sequence[UUID], erased_at: datetime | None
) -> dict[UUID, datetime]:
    """Since when a service has forgotten leads that were erased then; the others are left out."""
    statement = sql.in_place(sql.ANSWERS, schema)
    return {row[0]: row[1] for row in await conn.fetch(statement, leads, erased_at)}


async def remember(
    conn: Connection, schema: str, leads: Collection[UUID], erased_at: datetime
) -> None:
    """Other identifiers of an erased lead, by which older inputs would bring it back."""
    statement = sql.in_place(sql.REMEMBER, schema)
    await conn.executemany(statement, [(lead, erased_at, 0) for lead in leads])
