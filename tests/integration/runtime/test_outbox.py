"""Decisions and their events in Postgres."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from uuid import UUID, uuid4

import asyncpg
import pytest
from aiokafka.errors import KafkaConnectionError
from prometheus_client import CollectorRegistry

from schemas import topics
from schemas.cloudevents import Envelope
from schemas.erasure import LeadErased
from services.runtime.database import open_pool
from services.runtime.metrics import Metrics
from services.runtime.outbox import Outbox, tables
from services.runtime.producer import OutputTooLarge
from services.runtime.records import Output, Record
from tests.support.stages import AT, Sink, erased, event_output, topic
from tests.support.waiting import eventually

OUT = topic("shell.outbox.v1")
CURRENT = topics.ASSIGNMENTS_CURRENT


@pytest.fixture
async def pool(empty_postgres_dsn: str) -> AsyncIterator[asyncpg.Pool]:
    pool = await open_pool(empty_postgres_dsn, size=10)
    await pool.execute("create schema box;" + tables("box"))
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


async def decisions(pool: asyncpg.Pool) -> int:
    count: int = await pool.fetchval("select count(*) from box.decisions")
    return count


def sent(outputs: Sequence[Output]) -> list[tuple[object, ...]]:
    return [(out.topic, out.key, out.value, out.headers, out.row) for out in outputs]


async def test_a_redelivered_input_gives_the_same_bytes_and_no_second_decision(
    pool: asyncpg.Pool,
) -> None:
    outbox = box(pool, Sink())
    records = [record() for _ in range(3)]
    first = await outbox.process(records, decide)
    again = await outbox.process(records, decide)
    assert sent(again) == sent(first)
    assert len(first) == 6
    assert await decisions(pool) == 3


async def test_outputs_come_in_the_order_of_the_records_old_and_new_mixed(
    pool: asyncpg.Pool,
) -> None:
    outbox = box(pool, Sink())
    a, b, c = record(), record(), record()
    (of_b,) = [await outbox.process([b], decide)]
    mixed = await outbox.process([a, b, c], decide)
    assert sent(mixed[2:4]) == sent(of_b)
    assert len(mixed) == 6


async def test_a_duplicate_inside_the_batch_is_decided_and_published_once(
    pool: asyncpg.Pool,
) -> None:
    outbox, one = box(pool, Sink()), record()
    outputs = await outbox.process([one, record(), one], decide)
    assert len(outputs) == 4
    assert await decisions(pool) == 2


async def test_an_input_may_cause_nothing_and_is_still_decided_once(pool: asyncpg.Pool) -> None:
    async def nothing(
        connection: asyncpg.Connection, records: Sequence[Record[LeadErased]]
    ) -> Mapping[UUID, Sequence[Output]]:
        await connection.execute("insert into box.decisions values ($1, 1)", records[0].id)
        return {}

    outbox, one = box(pool, Sink()), record()
    assert await outbox.process([one], nothing) == []
    assert await outbox.process([one], nothing) == []
    assert await decisions(pool) == 1


async def test_eight_at_once_decide_once(pool: asyncpg.Pool) -> None:
    outbox = box(pool, Sink())
    records = [record() for _ in range(5)]
    rounds = [list(records) if n % 2 else list(reversed(records)) for n in range(8)]
    answers = await asyncio.gather(*(outbox.process(batch, decide) for batch in rounds))
    assert await decisions(pool) == 5
    assert len({tuple(sorted(sent(a), key=str)) for a in answers}) == 1


async def test_what_fails_in_the_decision_leaves_nothing(pool: asyncpg.Pool) -> None:
    async def broken(
        connection: asyncpg.Connection, records: Sequence[Record[LeadErased]]
    ) -> Mapping[UUID, Sequence[Output]]:
        await decide(connection, records)
        raise ValueError("halfway")

    outbox, one = box(pool, Sink()), record()
    with pytest.raises(ValueError, match="halfway"):
        await outbox.process([one], broken)
    assert await decisions(pool) == 0
    assert len(await outbox.process([one], decide)) == 2


async def test_an_output_that_no_topic_takes_is_never_stored(pool: asyncpg.Pool) -> None:
    async def huge(
        connection: asyncpg.Connection, records: Sequence[Record[LeadErased]]
    ) -> Mapping[UUID, Sequence[Output]]:
        return {records[0].id: [replace(event_output(OUT), value=b"x" * 1_000_000)]}

    outbox = box(pool, Sink())
    with pytest.raises(OutputTooLarge):
        await outbox.process([record()], huge)
    assert await pool.fetchval("select count(*) from box.outbox") == 0


async def test_headers_come_back_byte_for_byte(pool: asyncpg.Pool) -> None:
    strange = replace(event_output(OUT), headers=(("h", bytes(range(256))), ("h", b"\x00")))

    async def odd(
        connection: asyncpg.Connection, records: Sequence[Record[LeadErased]]
    ) -> Mapping[UUID, Sequence[Output]]:
        return {records[0].id: [strange]}

    outbox, one = box(pool, Sink()), record()
    await outbox.process([one], odd)
    (again,) = await outbox.process([one], odd)
    assert again.headers == strange.headers


async def test_fresh_outputs_keep_their_tag_and_repeated_ones_have_none(
    pool: asyncpg.Pool,
) -> None:
    async def tagged(
        connection: asyncpg.Connection, records: Sequence[Record[LeadErased]]
    ) -> Mapping[UUID, Sequence[Output]]:
        return {records[0].id: [replace(event_output(OUT), tag="observe me")]}

    outbox, one = box(pool, Sink()), record()
    assert [out.tag for out in await outbox.process([one], tagged)] == ["observe me"]
    assert [out.tag for out in await outbox.process([one], tagged)] == [None]


async def test_release_publishes_and_marks(pool: asyncpg.Pool) -> None:
    sink = Sink()
    outbox = box(pool, sink)
    async with pool.acquire() as connection, connection.transaction():
        stored = await outbox.store(connection, [event_output(OUT), event_output(OUT)])
    await outbox.release(stored)
    assert sent(sink.published) == sent(stored)
    await outbox.mark()
    assert await unpublished(pool) == 0


async def test_what_could_not_be_released_is_swept_up(pool: asyncpg.Pool) -> None:
    def down(outputs: Sequence[Output]) -> None:
        raise KafkaConnectionError

    sink = Sink(fail=down)
    outbox = box(pool, sink)
    async with pool.acquire() as connection, connection.transaction():
        stored = await outbox.store(connection, [event_output(OUT)])
    await outbox.release(stored)  # raises nothing: the decision stands
    assert await unpublished(pool) == 1
    sink.fail = lambda outputs: None
    running = asyncio.create_task(outbox.run())
    try:
        await eventually(lambda: sink.published)
        await eventually(lambda: _marked(pool))
    finally:
        running.cancel()
    assert sent(sink.published) == sent(stored)


async def test_a_dead_process_leaves_nothing_behind(pool: asyncpg.Pool) -> None:
    await box(pool, Sink()).process([record() for _ in range(700)], decide)  # and then it died
    await age(pool)
    sink = Sink()
    survivors = [box(pool, sink), box(pool, sink)]
    while any(await asyncio.gather(*(outbox.sweep() for outbox in survivors))):
        pass
    rows = [out.row for out in sink.published]
    assert sorted(rows) == sorted(set(rows)), "SKIP LOCKED: two sweeps share, never repeat"
    assert len(rows) == 1400
    assert await unpublished(pool) == 0


async def test_young_rows_are_left_to_their_writer(pool: asyncpg.Pool) -> None:
    sink = Sink()
    outbox = box(pool, sink)
    await outbox.process([record()], decide)
    assert await outbox.sweep() == 0


async def test_a_sweep_that_fails_marks_nothing(pool: asyncpg.Pool) -> None:
    def down(outputs: Sequence[Output]) -> None:
        raise TimeoutError

    outbox = box(pool, Sink(fail=down))
    await outbox.process([record()], decide)
    await age(pool)
    with pytest.raises(TimeoutError):
        await outbox.sweep()
    assert await unpublished(pool) == 2


async def test_marks_survive_a_database_that_is_away_for_a_while(pool: asyncpg.Pool) -> None:
    outbox = box(pool, Sink())
    outputs = await outbox.process([record()], decide)
    outbox.acknowledged(outputs)
    async with pool.acquire() as other, other.transaction():
        await other.execute("lock table box.outbox in access exclusive mode")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await outbox.mark()
    await outbox.mark()
    assert await unpublished(pool) == 0


# -- the last record of a compacted topic is the newest decision ---------------------------------
async def test_a_sweep_puts_the_newest_of_a_key_last(pool: asyncpg.Pool) -> None:
    sink = Sink()
    outbox = box(pool, sink)
    old, new, other = await current(pool, outbox, "lead-1", "lead-1", "lead-2")
    outbox.acknowledged([new])  # it was published while the older one was left behind
    await outbox.mark()
    await age(pool)
    while await outbox.sweep():
        pass
    mine = [out.row for out in sink.published if out.key == b"lead-1"]
    assert mine[-1] == new.row
    assert old.row in mine
    assert [out.row for out in sink.published if out.key == b"lead-2"] == [other.row]


async def test_a_slow_publisher_cannot_leave_an_old_decision_last(pool: asyncpg.Pool) -> None:
    sink = Sink()
    frozen, quick = box(pool, sink), box(pool, sink)
    (old,) = await current(pool, frozen, "lead-1")
    (new,) = await current(pool, quick, "lead-1")
    sink.published.append(new)
    quick.acknowledged([new])
    await quick.mark()
    sink.published.append(old)  # resumed, it publishes what it had decided before
    frozen.acknowledged([old])
    await frozen.mark()
    await age(pool)
    while await quick.sweep():
        pass
    assert sink.published[-1].row == new.row


async def test_a_decision_that_was_committed_late_is_not_left_last(pool: asyncpg.Pool) -> None:
    sink = Sink()
    late, quick = box(pool, sink), box(pool, sink)
    async with pool.acquire() as connection, connection.transaction():
        out = replace(event_output(CURRENT), key=b"lead-1")
        (old,) = await late.store(connection, [out])
        (new,) = await current(pool, quick, "lead-1")
        await quick.release([new])
        await quick.mark()
    await age(pool)  # and the process that decided late is dead
    while await quick.sweep():
        pass
    assert [out.row for out in sink.published] == [new.row, old.row, new.row]


async def test_overlapping_publishers_end_with_the_newest_whoever_marks_first(
    pool: asyncpg.Pool,
) -> None:
    sink = Sink()
    frozen, quick = box(pool, sink), box(pool, sink)
    (old,) = await current(pool, frozen, "lead-1")
    (new,) = await current(pool, quick, "lead-1")
    sink.published += [new, old]
    frozen.acknowledged([old])
    await frozen.mark()
    quick.acknowledged([new])
    await quick.mark()
    await age(pool)
    while await quick.sweep():
        pass
    assert sink.published[-1].row == new.row


async def test_what_goes_out_again_is_not_left_last_by_a_process_that_dies(
    pool: asyncpg.Pool,
) -> None:
    async def decide_one(
        connection: asyncpg.Connection, records: Sequence[Record[LeadErased]]
    ) -> Mapping[UUID, Sequence[Output]]:
        return {one.id: [replace(event_output(CURRENT), key=b"lead-1")] for one in records}

    sink = Sink()
    dead, swept = box(pool, sink), box(pool, sink)
    first, second = record(), record()
    for one in (first, second):
        outputs = await dead.process([one], decide_one)
        await dead.release(outputs)
        await dead.mark()
    newest = sink.published[-1].row
    again = await dead.process([first], decide_one)
    sink.published += again  # and then it dies, before it marks anything
    await age(pool)
    while await swept.sweep():
        pass
    assert sink.published[-1].row == newest


async def test_one_process_that_repeats_an_old_decision_ends_with_the_newest(
    pool: asyncpg.Pool,
) -> None:
    sink = Sink()
    outbox = box(pool, sink)
    old, new = await current(pool, outbox, "lead-1", "lead-1")
    await outbox.release([old, new])
    await outbox.release([old])  # its input came a second time
    await outbox.mark()
    await age(pool)
    while await outbox.sweep():
        pass
    assert sink.published[-1].row == new.row


async def test_inputs_that_come_again_in_another_order_end_with_the_newest(
    pool: asyncpg.Pool,
) -> None:
    sink = Sink()
    outbox = box(pool, sink)
    old, new = await current(pool, outbox, "lead-1", "lead-1")
    await outbox.release([new, old])
    await outbox.mark()
    await age(pool)
    while await outbox.sweep():
        pass
    assert sink.published[-1].row == new.row


async def test_one_call_that_publishes_in_order_repeats_nothing(pool: asyncpg.Pool) -> None:
    sink = Sink()
    outbox = box(pool, sink)
    await outbox.release(await current(pool, outbox, "lead-1", "lead-2", "lead-1"))
    await outbox.mark()
    await age(pool)
    assert await outbox.sweep() == 0
    assert len(sink.published) == 3


async def test_in_order_publishing_repeats_nothing(pool: asyncpg.Pool) -> None:
    sink = Sink()
    outbox = box(pool, sink)
    for _ in range(3):
        (out,) = await current(pool, outbox, "lead-1")
        await outbox.release([out])
        await outbox.mark()
    await age(pool)
    assert await outbox.sweep() == 0
    assert len(sink.published) == 3


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


async def _marked(pool: asyncpg.Pool) -> bool:
    return await unpublished(pool) == 0
