"""What keeps an erased lead away: older events of theirs are dropped, newer ones decided."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from schemas.cloudevents import Envelope
from schemas.enrichment import LeadEnriched
from schemas.erasure import LeadErased
from schemas.lead import LeadCaptured
from schemas.topics import CAPTURED, ERASURES
from services.runtime.database import Connection
from services.runtime.dead_letters import parse, replay_of
from services.runtime.erasure import Eraser, Forgotten, NotPublished, end_of
from services.runtime.outbox import Outbox
from services.runtime.records import Output, Record, output
from tests.integration.runtime.outbox_box import OUT, box, pool, unless_decided
from tests.support.examples import good
from tests.support.stages import AT, Sink, raw
from tests.support.waiting import eventually

__all__ = ["pool"]

EXAMPLE = LeadCaptured.read(good("lead.captured.v1", "demo-request-every-field"))
LEAD = EXAMPLE.lead.lead_id
ERASED_AT = EXAMPLE.received_at + timedelta(hours=1)


def captured(at: datetime = EXAMPLE.received_at, lead: UUID = LEAD) -> Record[LeadCaptured]:
    person = EXAMPLE.lead.model_copy(update={"lead_id": lead})
    event = EXAMPLE.model_copy(update={"received_at": at, "lead": person, "submission_id": uuid4()})
    return _record(event, CAPTURED.name)


def asked(lead: UUID = LEAD, at: datetime = ERASED_AT) -> Record[LeadErased]:
    return _record(LeadErased(lead_id=lead, erased_at=at), ERASURES.name)


def _record(event: Any, topic: str) -> Record[Any]:
    envelope = Envelope(uuid4(), event.TYPE, "/t", event.subject, AT)
    return Record(event, envelope, topic, 0, 0, b"k", event.encode(), envelope.to_headers())


async def tell(
    connection: asyncpg.Connection, records: Sequence[Record[LeadCaptured]]
) -> Mapping[UUID, Sequence[Output]]:
    """One output about the lead for each."""
    for one in records:
        await connection.execute("insert into box.decisions values ($1, 1)", one.id)
    return {one.id: [_told(one)] for one in records}


def _told(one: Record[LeadCaptured]) -> Output:
    account = one.event.lead.account_key
    return output(OUT, account, one.event, event_id=uuid4(), service="t", at=AT)


async def forget(conn: Connection, event: LeadErased) -> Forgotten:
    return Forgotten({EXAMPLE.lead.account_key}, last=7)


def eraser(outbox: Outbox) -> Eraser:
    return Eraser("box", outbox, forget)


async def decided(pool: asyncpg.Pool) -> set[UUID]:
    return {row[0] for row in await pool.fetch("select input_id from box.decisions")}


async def test_what_depends_on_nothing_waits_for_an_erasure_too_and_is_dropped(
    pool: asyncpg.Pool,
) -> None:
    outbox, older = box(pool, Sink()), captured()
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("select pg_advisory_xact_lock(hashtextextended('box.erased', 0))")
        deciding = asyncio.create_task(outbox.process([older], tell, unless_decided(7)))
        await eventually(lambda: _waits(pool))
        await connection.execute("insert into box.erased values ($1, $2)", LEAD, ERASED_AT)
    [end] = await deciding
    assert end.topic == CAPTURED.dead_letters("box")
    assert await decided(pool) == set()


async def _waits(pool: asyncpg.Pool) -> bool:
    return bool(await pool.fetchval("select exists (select from pg_locks where not granted)"))


async def test_what_is_older_gets_an_end_without_a_word_about_the_person(
    pool: asyncpg.Pool,
) -> None:
    outbox = box(pool, Sink())
    await eraser(outbox).handle([asked()])
    older, newer = captured(), captured(ERASED_AT + timedelta(seconds=1))
    stranger = captured(lead=uuid4())
    made = await outbox.process([older, newer, stranger], tell)
    assert await decided(pool) == {newer.id, stranger.id}
    [end] = [one for one in made if one.topic != OUT.name]
    assert end.topic == CAPTURED.dead_letters("box")
    assert json.loads(end.value or b"") == {"submission_id": str(older.event.submission_id)}
    assert dict(end.headers)["x-handraise-reason"] == b"erased"
    assert not any(str(LEAD).encode() in value for _, value in end.headers)
    again = await outbox.process([older], tell)
    assert [one.value for one in again] == [end.value], "the same end, and no second one"


async def test_a_revision_of_what_has_ended_gets_no_second_end(pool: asyncpg.Pool) -> None:
    outbox = box(pool, Sink())
    event = LeadEnriched.read(good("lead.enriched.v1", "late-revision"))
    at = event.received_at + timedelta(hours=1)
    await eraser(outbox).handle([asked(event.lead.lead_id, at)])
    assert await outbox.process([_record(event, "leads.enriched.v1")], tell) == []
    assert await decided(pool) == set()


async def test_published_events_of_the_lead_are_deleted_and_nobody_elses(
    pool: asyncpg.Pool,
) -> None:
    outbox = box(pool, Sink())
    mine, colleagues = captured(), captured(lead=uuid4())
    outbox.acknowledged(await outbox.process([mine, colleagues], tell))
    await outbox.mark()
    await eraser(outbox).handle([asked()])
    assert await outbox.process([mine], tell) == []
    assert len(await outbox.process([colleagues], tell)) == 1


async def test_what_waits_for_kafka_is_waited_for(pool: asyncpg.Pool) -> None:
    outbox, request = box(pool, Sink()), asked()
    made = await outbox.process([captured()], tell)
    with pytest.raises(NotPublished):
        await eraser(outbox).handle([request])
    assert await pool.fetchval("select count(*) from box.erasures") == 0, "no answer yet"
    outbox.acknowledged(made)
    await outbox.mark()
    await eraser(outbox).handle([request])
    row = await pool.fetchrow("select lead_id, erased_at, last from box.erased")
    assert tuple(row) == (LEAD, ERASED_AT, 7)


async def test_a_decision_that_runs_meanwhile_is_seen_by_the_erasure(pool: asyncpg.Pool) -> None:
    outbox, go, reached = box(pool, Sink()), asyncio.Event(), asyncio.Event()

    async def slow(
        connection: asyncpg.Connection, records: Sequence[Record[LeadCaptured]]
    ) -> Mapping[UUID, Sequence[Output]]:
        reached.set()
        await go.wait()
        await connection.execute("insert into box.decisions values ($1, 1)", records[0].id)
        return {}

    async def delete(conn: Connection, event: LeadErased) -> Forgotten:
        await conn.execute("delete from box.decisions")
        return Forgotten()

    deciding = asyncio.create_task(outbox.process([captured()], slow))
    await reached.wait()
    erasing = asyncio.create_task(Eraser("box", outbox, delete).handle([asked()]))
    await eventually(lambda: _waits(pool))
    go.set()
    await deciding
    await erasing
    assert await decided(pool) == set()


async def _waits(pool: asyncpg.Pool) -> bool:
    waiting = "select exists (select from pg_locks where locktype = 'advisory' and not granted)"
    return bool(await pool.fetchval(waiting))


async def test_a_tombstone_is_stored_and_comes_out_as_one(pool: asyncpg.Pool) -> None:
    outbox = box(pool, Sink())
    gone = Output("assignments.current.v1", b"lead", None, ())

    async def empty(conn: Connection, event: LeadErased) -> Forgotten:
        return Forgotten(outputs=[gone])

    request = asked()
    [first] = await Eraser("box", outbox, empty).handle([request])
    [again] = await Eraser("box", outbox, empty).handle([request])
    assert first.value is again.value is None
    assert replace(first, row=None) == gone


def test_what_is_left_of_a_dropped_event_cannot_be_replayed() -> None:
    [end] = end_of(EXAMPLE, CAPTURED.name, "enrichment")
    with pytest.raises(ValueError, match="erased"):
        replay_of(parse(raw(end)))
