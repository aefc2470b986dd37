"""Decisions and their events in Postgres."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

import asyncpg
import pytest
from aiokafka.errors import KafkaConnectionError

from schemas.erasure import LeadErased
from services.runtime.outbox import Decide, Decided, Write
from services.runtime.producer import OutputTooLarge
from services.runtime.records import Output, Record
from tests.integration.runtime.outbox_box import (
    OUT,
    age,
    box,
    decide,
    decisions,
    marked,
    pool,
    record,
    sent,
    unless_decided,
    unpublished,
)
from tests.support.stages import Sink, event_output
from tests.support.waiting import eventually

__all__ = ["pool"]


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


@pytest.mark.parametrize("outputs", [0, 2])
async def test_what_is_written_with_the_outputs_stands_and_falls_with_them(
    pool: asyncpg.Pool, outputs: int
) -> None:
    """In one statement with the rows of the outbox, or alone where there are none."""

    def writing(number: int | str) -> Decide[LeadErased]:
        async def decide(
            connection: asyncpg.Connection, records: Sequence[Record[LeadErased]]
        ) -> Decided:
            ids = [one.id for one in records]
            ctes = "kept as (insert into box.decisions select unnest($1::uuid[]), $2::text::int)"
            made = {one: [event_output(OUT)] * outputs for one in ids}
            return Decided(made, Write(ctes, (ids, str(number))))

        return decide

    outbox, some = box(pool, Sink()), [record(), record()]
    with pytest.raises(asyncpg.DataError):
        await outbox.process(some, writing("no number"))
    assert await decisions(pool) == 0
    assert await unpublished(pool) == 0
    first = await outbox.process(some, writing(1))
    assert sent(await outbox.process(some, writing(2))) == sent(first)
    assert len(first) == 2 * outputs
    assert await pool.fetchval("select count(*) from box.decisions where n = 1") == 2
    assert await decisions(pool) == 2


async def test_what_depends_on_nothing_is_claimed_decided_and_stored_at_once(
    pool: asyncpg.Pool,
) -> None:
    outbox, some = box(pool, Sink()), [record(), record()]
    made = await outbox.process(some, decide, unless_decided(7))
    assert [out.row for out in made] == [1, 2]
    assert await pool.fetchval("select count(*) from box.decisions where n = 7") == 2
    assert sent(await outbox.process(some, decide, unless_decided(8))) == sent(made)
    assert await decisions(pool) == 2


async def test_where_anything_was_known_it_is_decided_in_the_transaction(
    pool: asyncpg.Pool,
) -> None:
    """Nothing is left of the attempt, neither of the inputs that came before nor of the others."""
    outbox, one, other = box(pool, Sink()), record(), record()
    await pool.execute("insert into box.decisions values ($1, 7)", one.id)
    assert len(await outbox.process([one], decide, unless_decided(7))) == 2
    mixed = await outbox.process([one, other], decide, unless_decided(8))
    assert len(mixed) == 4
    assert await pool.fetchval("select count(*) from box.decisions where n = 8") == 0


async def test_two_at_once_that_know_nothing_decide_once(pool: asyncpg.Pool) -> None:
    outbox, one = box(pool, Sink()), record()
    answers = await asyncio.gather(
        *(outbox.process([one], decide, unless_decided(n)) for n in range(8))
    )
    assert await decisions(pool) == 1
    assert len({tuple(sent(answer)) for answer in answers}) == 1


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
        await eventually(lambda: marked(pool))
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
