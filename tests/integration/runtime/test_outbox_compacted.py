"""The last record of a key on a compacted topic is the newest decision, whoever publishes when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

import asyncpg

from schemas.erasure import LeadErased
from services.runtime.records import Output, Record
from tests.integration.runtime.outbox_box import (
    CURRENT,
    age,
    box,
    current,
    pool,
    record,
)
from tests.support.stages import Sink, event_output

__all__ = ["pool"]


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
