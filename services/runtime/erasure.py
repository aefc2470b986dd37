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
from services.runtime import outbox_sql
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
    return _DDL.replace("SCHEMA", outbox_sql.schema_name(schema))


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
    rows = await conn.fetch(_AMONG.replace("SCHEMA", outbox_sql.schema_name(schema)), leads)
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
        self._sql = _statements(schema)
        self._outbox = outbox
        self._forget = forget

    async def handle(self, records: Sequence[Record[LeadErased]]) -> Sequence[Output]:
        """Delete what is known of a lead, and remember only that it was erased, and when."""
        return await self._outbox.process(records, self._decide)

    async def _decide(
        self, conn: asyncpg.Connection, records: Sequence[Record[LeadErased]]
    ) -> Mapping[UUID, Sequence[Output]]:
        await conn.execute(_PATIENCE)
        await conn.execute(self._sql.alone)
        return {record.id: await self._erase(conn, record.event) for record in records}

    async def _erase(self, conn: Connection, event: LeadErased) -> list[Output]:
        found = await self._forget(conn, event)
        subjects = [str(event.lead_id), *sorted(found.names)]
        keys = [key.encode() for key in {str(event.lead_id), *found.keys}]
        await conn.execute(self._sql.published, keys, subjects)
        if await conn.fetchval(self._sql.unpublished, keys, subjects):
            raise NotPublished
        await conn.execute(self._sql.remember, event.lead_id, event.erased_at, found.last)
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


@dataclass(frozen=True, slots=True)
class _Statements:
    alone: str
    published: str
    unpublished: str
    remember: str


def _statements(schema: str) -> _Statements:
    name = outbox_sql.schema_name(schema)
    every = (_ALONE, _PUBLISHED, _UNPUBLISHED, _REMEMBER)
    return _Statements(*(text.replace("SCHEMA", name) for text in every))


async def answers(
    conn: Connection, schema: str, leads: Sequence[UUID], erased_at: datetime | None
) -> dict[UUID, datetime]:
    """Since when a service has forgotten leads that were erased then; the others are left out."""
    statement = _ANSWERS.replace("SCHEMA", outbox_sql.schema_name(schema))
    return {row[0]: row[1] for row in await conn.fetch(statement, leads, erased_at)}


async def remember(
    conn: Connection, schema: str, leads: Collection[UUID], erased_at: datetime
) -> None:
    """Other identifiers of an erased lead, by which older inputs would bring it back."""
    statement = _REMEMBER.replace("SCHEMA", outbox_sql.schema_name(schema))
    await conn.executemany(statement, [(lead, erased_at, 0) for lead in leads])


_DDL = """
-- Leads that were erased: by their ids older events are recognised and dropped.
create table SCHEMA.erased (
    lead_id uuid primary key,
    erased_at timestamptz not null,
    -- of the last event; those of a new life go on behind it, so that no id is given twice
    last integer not null default 0,
    done_at timestamptz not null default clock_timestamp()
);
create index erased_by_age on SCHEMA.erased (erased_at);
create index outbox_by_key on SCHEMA.outbox (key);
-- A tombstone of a compacted topic has none.
alter table SCHEMA.outbox alter column value drop not null;

-- Of the given leads those that were erased, under a lock that an erasure takes for itself.
-- Volatile PL/pgSQL: the select has a snapshot of its own, taken after the lock was granted.
create function SCHEMA.erased_among(_leads uuid[]) returns setof SCHEMA.erased
language plpgsql volatile as $$
begin
    if cardinality(_leads) > 0 then
        perform pg_advisory_xact_lock_shared(hashtextextended('SCHEMA.erased', 0));
        return query select * from SCHEMA.erased e where e.lead_id = any(_leads);
    end if;
end
$$;

-- Whether any of them was, under the same lock: what travels with BEGIN gives nothing but a count.
create function SCHEMA.is_erased(_leads uuid[]) returns boolean
language plpgsql volatile as $$
begin
    return exists (select from SCHEMA.erased_among(_leads));
end
$$;

-- For `handraise erase`: the answer of this service. Read by cli only.
create view SCHEMA.erasures as select lead_id, erased_at, done_at from SCHEMA.erased;
"""

_ANSWERS = """
select lead_id, done_at from SCHEMA.erasures where lead_id = any($1::uuid[]) and erased_at >= $2
"""
_AMONG = "select lead_id, erased_at from SCHEMA.erased_among($1::uuid[])"

# Whoever decides at this moment is waited for, and waits for us: briefly, then they go first.
_PATIENCE = "set local lock_timeout = '1s'"
_ALONE = "select pg_advisory_xact_lock(hashtextextended('SCHEMA.erased', 0))"

# The subject of a record stands in its headers, as JSON.
_ABOUT = """
key = any($1::bytea[]) and exists (
    select from unnest($2::text[]) as n(subject)
    where position(convert_to('"' || n.subject || '"', 'UTF8') in headers) > 0)
"""
_PUBLISHED = f"delete from SCHEMA.outbox where published_at is not null and {_ABOUT}"
_UNPUBLISHED = f"select exists (select from SCHEMA.outbox where {_ABOUT})"

_REMEMBER = """
insert into SCHEMA.erased as e (lead_id, erased_at, last) values ($1, $2, $3)
on conflict (lead_id) do update set erased_at = greatest(e.erased_at, excluded.erased_at),
    last = greatest(e.last, excluded.last), done_at = clock_timestamp()
"""
