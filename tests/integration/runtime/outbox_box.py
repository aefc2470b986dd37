"""A small deciding service on an outbox of its own, for the tests of the outbox."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from prometheus_client import CollectorRegistry

from schemas import topics
from schemas.cloudevents import Envelope
from schemas.erasure import LeadErased, lead_of
from services.runtime import erasure
from services.runtime.database import open_pool
from services.runtime.metrics import Metrics
from services.runtime.outbox import DecideFirst, First, Outbox, tables
from services.runtime.records import Output, Record
from tests.support.stages import AT, Sink, erased, event_output, topic

OUT = topic("shell.outbox.v1")
CURRENT = topics.ASSIGNMENTS_CURRENT


@pytest.fixture
async def pool(empty_postgres_dsn: str) -> AsyncIterator[asyncpg.Pool]:
    pool = await open_pool(empty_postgres_dsn, size=10)
    await pool.execute("create schema box;" + tables("box") + erasure.tables("box"))
    await pool.execute("create table box.decisions (input_id uuid, n int)")
    yield pool
    await pool.close()


def box(pool: asyncpg.Pool, sink: Sink) -> Outbox:
    return Outbox("box", pool, sink, Metrics(CollectorRegistry()))


def record(input_id: UUID | None = None) -> Record[LeadErased]:
    event = erased()
    envelope = Envelope(input_id or uuid4(), event.TYPE, "/t", event.subject, AT)
    return Record(event, envelope, "in", 0, 0, b"k", event.encode(), envelope.to_headers())


async def decide(
    connection: asyncpg.Connection, records: Sequence[Record[LeadErased]]
) -> Mapping[UUID, Sequence[Output]]:
    """Two outputs each, with ids that no second decision would give again."""
    for taken in records:
        await connection.execute("insert into box.decisions values ($1, 1)", taken.id)
    return {taken.id: [event_output(OUT), event_output(OUT)] for taken in records}


def unless_decided(number: int) -> DecideFirst[Any]:
    """One output each, and a row with the number, where the box's own table has none."""

    def first(records: Sequence[Record[Any]]) -> First:
        ids = [one.id for one in records]
        return First(
            {one: [event_output(OUT)] for one in ids},
            {lead for one in records if (lead := lead_of(one.event))},
            "select 1 from box.decisions where n = $2",
            "kept as (insert into box.decisions select unnest($1::uuid[]), $2"
            " where (select count(*) from claimed) > 0 returning 1)",
            "kept",
            (ids, number),
        )

    return first


async def decisions(pool: asyncpg.Pool) -> int:
    count: int = await pool.fetchval("select count(*) from box.decisions")
    return count


def sent(outputs: Sequence[Output]) -> list[tuple[object, ...]]:
    return [(out.topic, out.key, out.value, out.headers, out.row) for out in outputs]


async def current(pool: asyncpg.Pool, outbox: Outbox, *keys: str) -> list[Output]:
    async with pool.acquire() as connection, connection.transaction():
        outs = [replace(event_output(CURRENT), key=key.encode()) for key in keys]
        return await outbox.store(connection, outs)


async def age(pool: asyncpg.Pool) -> None:
    """As if two seconds had passed."""
    await pool.execute("update box.outbox set created_at = created_at - interval '2 seconds'")


async def unpublished(pool: asyncpg.Pool) -> int:
    count: int = await pool.fetchval("select count(*) from box.outbox where published_at is null")
    return count


async def marked(pool: asyncpg.Pool) -> bool:
    return await unpublished(pool) == 0
