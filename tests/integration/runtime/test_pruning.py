"""What is pruned is old; what comes again within the window is answered as it was, or refused."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.erasure import LeadErased
from services.runtime import erasure, pruning, repeats
from services.runtime.database import open_pool
from services.runtime.outbox import tables
from services.runtime.pruning import BATCH, Keep, Prunable, inbox_and_outbox, prune
from services.runtime.records import Record
from services.runtime.stage import BadRecords
from tests.integration.runtime.outbox_box import (
    box,
    decide,
    decisions,
    record,
    sent,
    unless_decided,
)
from tests.support.stages import Sink

BOX = inbox_and_outbox("box")
TABLES = tables("box") + erasure.tables("box")
DAY = timedelta(days=1)
ROWS = Prunable("box.rows", Keep.BOOKKEEPING, "at")
QUARTER: dict[Keep, timedelta | None] = {Keep.BOOKKEEPING: 90 * DAY}


@asynccontextmanager
async def boxed(dsn: str) -> AsyncIterator[asyncpg.Pool]:
    """The schema of the small deciding service, empty, in a database that has every migration."""
    pool = await open_pool(dsn, size=4)
    try:
        await pool.execute("drop schema if exists box cascade; create schema box;" + TABLES)
        await pool.execute(
            "create table box.decisions (input_id uuid, n int);"
            " create table box.rows (id int primary key, at timestamptz);"
            " create index on box.rows (at); delete from handraise.repeats_known"
        )
        yield pool
    finally:
        await pool.close()


def aged(one: Record[LeadErased], days: float) -> Record[LeadErased]:
    """As it lies on its topic since then."""
    return replace(one, written_ms=int((time.time() - days * 86_400) * 1000))


async def decided(pool: asyncpg.Pool, days: Sequence[float]) -> list[Record[LeadErased]]:
    """Records that were written and decided so many days ago."""
    found = [aged(record(), age) for age in days]
    outbox = box(pool, Sink())
    for one, age in zip(found, days, strict=True):
        outbox.acknowledged(await outbox.process([one], decide))
        await outbox.mark()
        await pool.execute(
            "with i as (update box.inbox set at = at - $2::interval where input_id = $1)"
            " update box.outbox set created_at = created_at - $2::interval where input_id = $1",
            one.id,
            age * DAY,
        )
    return found


async def pruned(
    pool: asyncpg.Pool, tables: Sequence[Prunable], keep: dict[Keep, timedelta | None], **more: Any
) -> dict[str, int]:
    async with pool.acquire() as connection:
        done = prune(connection, "box", tables, keep, **more)
        return {one.table: one.rows async for one in done}


async def again(pool: asyncpg.Pool, one: Record[LeadErased]) -> list[tuple[object, ...]] | str:
    """What a redelivery gives: outputs, or the reason of its refusal."""
    try:
        return sent(await box(pool, Sink()).process([one], decide))
    except BadRecords as refused:
        ((reason, _),) = refused.reasons.values()
        return reason


@given(
    ages=st.lists(st.floats(0, 120), min_size=1, max_size=6),
    windows=st.lists(st.integers(29, 100), min_size=1, max_size=3),
)
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_a_repeat_gets_the_same_bytes_or_is_too_old_and_is_never_decided_again(
    postgres_dsn: str, ages: list[float], windows: list[int]
) -> None:
    async with boxed(postgres_dsn) as pool:
        records = await decided(pool, ages)
        before = [await again(pool, one) for one in records]
        for window in windows:  # a longer one brings nothing back
            await pruned(pool, BOX, {Keep.REPEATS: window * DAY})
        after = [await again(pool, one) for one in records]
        for age, was, now in zip(ages, before, after, strict=True):
            if age < min(windows):
                assert now == was
            else:
                assert now in (was, "too_old"), "known to the last row, or refused"
        assert await decisions(pool) == len(records)


async def test_a_late_newcomer_of_an_age_that_is_known_is_decided(postgres_dsn: str) -> None:
    async with boxed(postgres_dsn) as pool:
        await pruned(pool, BOX, {Keep.REPEATS: 60 * DAY})
        assert len(await again(pool, aged(record(), 59))) == 2
        assert await again(pool, aged(record(), 61)) == "too_old"
        assert len(await again(pool, replace(record(), written_ms=None))) == 2


async def test_an_old_one_is_refused_however_little_its_decision_depends_on(
    postgres_dsn: str,
) -> None:
    async with boxed(postgres_dsn) as pool:
        await pruned(pool, BOX, {Keep.REPEATS: 60 * DAY})
        with pytest.raises(BadRecords):
            await box(pool, Sink()).process([aged(record(), 61)], decide, unless_decided(7))
        assert await decisions(pool) == 0


async def test_the_state_on_a_compacted_topic_is_never_too_old(postgres_dsn: str) -> None:
    async with boxed(postgres_dsn) as pool:
        await pruned(pool, BOX, {Keep.REPEATS: 60 * DAY})
        assert len(await again(pool, replace(aged(record(), 400), topic="people.v1"))) == 2


async def test_only_the_old_of_a_batch_are_refused_and_nothing_of_it_is_stored(
    postgres_dsn: str,
) -> None:
    async with boxed(postgres_dsn) as pool:
        await pruned(pool, BOX, {Keep.REPEATS: 60 * DAY})
        batch = [aged(record(), age) for age in (1, 80, 30, 90)]
        with pytest.raises(BadRecords) as caught:
            await box(pool, Sink()).process(batch, decide)
        assert set(caught.value.reasons) == {batch[1].id, batch[3].id}
        assert await pool.fetchval("select count(*) from box.inbox") == 0
        assert await decisions(pool) == 0


async def test_what_was_not_published_stays_however_old(postgres_dsn: str) -> None:
    async with boxed(postgres_dsn) as pool:
        await decided(pool, [100, 100])
        await pool.execute("update box.outbox set published_at = null where id <= 2")
        assert await pruned(pool, BOX, {Keep.REPEATS: 60 * DAY}) == {
            "box.outbox": 2,
            "box.inbox": 2,
        }
        assert await box(pool, Sink()).sweep() == 2, "and goes out when it can"


async def test_it_goes_no_lower_than_topics_keep_records(postgres_dsn: str) -> None:
    async with boxed(postgres_dsn) as pool:
        with pytest.raises(ValueError, match="29 days"):
            await pruned(pool, BOX, {Keep.REPEATS: 28 * DAY})
        async with pool.acquire() as connection:
            assert await repeats.known_since(connection, "box") is None


async def rows(pool: asyncpg.Pool, old: int, young: int = 3) -> None:
    await pool.execute(
        "insert into box.rows select n, now() - make_interval(days => case when n <= $1::int"
        " then 91 else 89 end) from generate_series(1, $1::int + $2::int) n",
        old,
        young,
    )


async def left(pool: asyncpg.Pool) -> int:
    return int(await pool.fetchval("select count(*) from box.rows"))


async def test_counting_deletes_nothing_and_promises_what_is_deleted(postgres_dsn: str) -> None:
    async with boxed(postgres_dsn) as pool:
        await rows(pool, 2500)
        async with pool.acquire() as connection:
            counted = [one.rows async for one in pruning.count(connection, "box", (ROWS,), QUARTER)]
        assert (counted, await left(pool)) == ([2500], 2503)
        assert await pruned(pool, (ROWS,), QUARTER) == {"box.rows": 2500}
        assert await left(pool) == 3
        assert await pruned(pool, (ROWS,), {Keep.BOOKKEEPING: None}) == {}


async def test_one_that_is_stopped_keeps_what_it_did_and_the_next_goes_on(
    postgres_dsn: str,
) -> None:
    async def stopped(seconds: float) -> None:
        raise KeyboardInterrupt

    async with boxed(postgres_dsn) as pool:
        await rows(pool, 2500)
        with pytest.raises(KeyboardInterrupt):
            await pruned(pool, (ROWS,), QUARTER, sleep=stopped)
        assert await left(pool) == 2503 - BATCH
        assert await pruned(pool, (ROWS,), QUARTER) == {"box.rows": 2500 - BATCH}


async def test_two_share_the_work_and_neither_waits_for_a_row_that_somebody_holds(
    postgres_dsn: str,
) -> None:
    async with boxed(postgres_dsn) as pool:
        await rows(pool, 3500)
        async with pool.acquire() as holding, holding.transaction():
            await holding.execute("select from box.rows where id = 7 for update")
            async with asyncio.timeout(30):
                both = await asyncio.gather(
                    pruned(pool, (ROWS,), QUARTER), pruned(pool, (ROWS,), QUARTER)
                )
        assert sum(one["box.rows"] for one in both) == 3499
        assert await left(pool) == 4


async def test_an_input_that_is_claimed_while_its_row_goes_is_refused(postgres_dsn: str) -> None:
    """The claim waits for the deletion, finds no row, and must see what was told before it."""
    async with boxed(postgres_dsn) as pool:
        (one,) = await decided(pool, [80])
        async with pool.acquire() as deleting:
            await repeats.forget_before(deleting, "box", 60 * DAY)
            async with deleting.transaction():
                await deleting.execute("delete from box.inbox")
                claim = asyncio.create_task(again(pool, one))
                await waits_for_a_lock(pool)
        assert await claim == "too_old"
        assert await decisions(pool) == 1


async def waits_for_a_lock(pool: asyncpg.Pool) -> None:
    async with asyncio.timeout(30):
        while not await pool.fetchval(
            "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
            " and datname = current_database()"
        ):
            await asyncio.sleep(0.01)
