"""The pool: codecs, waiting, and what a lost database looks like."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest
import structlog
from pydantic import TypeAdapter, ValidationError

from schemas.base import Instant, Lane
from services.runtime.database import connect, is_infrastructure, open_pool
from services.runtime.embedded.postgres import EmbeddedPostgres
from services.runtime.settings import PostgresSettings
from tests.support.waiting import eventually


async def test_json_columns_are_python_objects_both_ways(postgres_dsn: str) -> None:
    pool = await open_pool(postgres_dsn)
    value: dict[str, Any] = {"a": [1, 2.5, None, True], "b": {"c": "æ\\u00e6 'q'"}}
    for kind in ("jsonb", "json"):
        assert await pool.fetchval(f"select $1::{kind}", value) == value
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    assert await pool.fetchval("select $1::jsonb", {"at": moment}) == {"at": "2026-01-01T00:00:00Z"}
    assert await pool.fetchval("select $1::jsonb is null", None) is True
    await pool.close()


async def test_every_moment_that_an_event_may_hold_comes_back_as_it_was(postgres_dsn: str) -> None:
    """Postgres' driver takes the very ends of the calendar for infinity, and gives them back
    without an offset."""
    pool = await open_pool(postgres_dsn)
    ends = ("0001-01-01T00:00:00Z", "0002-01-01T00:00:00Z", "9998-12-31T23:59:59.999999Z",
            "9999-12-31T23:59:59.999999Z")  # fmt: skip
    for end in ends:
        try:
            moment = TypeAdapter(Instant).validate_python(end)
        except ValidationError:
            continue
        assert await pool.fetchval("select $1::timestamptz", moment) == moment
    await pool.close()


@pytest.mark.parametrize(("lane", "limit"), [(Lane.LIVE, "10s"), (Lane.BULK, "1min")])
async def test_each_lane_has_connections_of_its_own(
    postgres_dsn: str, lane: Lane, limit: str
) -> None:
    pool = await connect(PostgresSettings(dsn=postgres_dsn), lane=lane, service="routing")
    assert await pool.fetchval("show statement_timeout") == limit
    name = await pool.fetchval("select current_setting('application_name')")
    assert name == f"handraise.routing.{lane.value}"
    await pool.close()


async def test_a_wrong_password_or_database_is_not_waited_for(postgres_dsn: str) -> None:
    absent = postgres_dsn.rpartition("/")[0] + "/absent"
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await asyncio.wait_for(
            connect(PostgresSettings(dsn=absent), lane=Lane.LIVE, service="x"), 5
        )


async def test_a_connection_that_is_lost_between_two_statements_is_infrastructure(
    postgres_dsn: str,
) -> None:
    """The pool takes it back at once: whoever still has it hears of that, and not of the loss."""
    pool = await open_pool(postgres_dsn, size=1)
    other = await asyncpg.connect(postgres_dsn)
    lost: BaseException | None = None
    try:
        async with pool.acquire() as connection:
            backend = await connection.fetchval("select pg_backend_pid()")

            async def gone() -> bool:
                there = "select exists(select from pg_stat_activity where pid = $1)"
                return not await other.fetchval(there, backend)

            await other.execute("select pg_terminate_backend($1)", backend)
            await eventually(gone)
            await connection.fetchval("select 1")
    except (asyncpg.InterfaceError, asyncpg.PostgresError) as error:
        lost = error
    assert lost is not None
    assert is_infrastructure(lost)
    await other.close()
    pool.terminate()


async def test_time_outs_are_infrastructure_and_bad_values_are_not(postgres_dsn: str) -> None:
    pool = await open_pool(postgres_dsn, size=2)
    async with pool.acquire() as one, pool.acquire() as two:
        await two.execute("set statement_timeout = 50; set lock_timeout = 20")
        with pytest.raises(asyncpg.QueryCanceledError) as slow:
            await two.execute("select pg_sleep(5)")
        assert is_infrastructure(slow.value)
        async with one.transaction():
            await one.execute("select from handraise.installation for update")
            with pytest.raises(asyncpg.LockNotAvailableError) as locked:
                await two.execute("select from handraise.installation for update")
        assert is_infrastructure(locked.value)
        with pytest.raises(asyncpg.DataError) as unfit:
            await two.fetchval("select $1::int", "x")
        assert not is_infrastructure(unfit.value)
    await pool.close()


async def test_a_migration_under_a_running_service_only_costs_a_repeat(postgres_dsn: str) -> None:
    pool = await open_pool(postgres_dsn, size=2)
    await pool.execute("create table moving (a int); insert into moving values (1)")

    async def decide() -> Any:
        async with pool.acquire() as connection, connection.transaction():
            return dict(await connection.fetchrow("select * from moving"))

    assert [await decide() for _ in range(2)] == [{"a": 1}] * 2
    other = await asyncpg.connect(postgres_dsn)
    await other.execute("alter table moving add column b int")
    await other.close()
    with pytest.raises(asyncpg.InvalidCachedStatementError) as outdated:
        await decide()
    assert is_infrastructure(outdated.value)
    assert await decide() == {"a": 1, "b": None}
    await pool.close()


async def test_a_database_that_dies_and_returns(own_postgres: EmbeddedPostgres) -> None:
    """What each call raises meanwhile is infrastructure, and the pool then works again."""
    dsn = own_postgres.dsn
    pool = await open_pool(dsn, size=3)
    seen: list[BaseException] = []
    stop = asyncio.Event()

    async def work() -> None:
        while not stop.is_set():
            try:
                await pool.fetchval("select pg_sleep(0.002)")
            except Exception as error:
                seen.append(error)
                await asyncio.sleep(0.01)

    workers = [asyncio.create_task(work()) for _ in range(3)]
    await asyncio.to_thread(own_postgres.stop)
    with structlog.testing.capture_logs() as said:
        waiting = asyncio.create_task(
            connect(PostgresSettings(dsn=dsn), lane=Lane.LIVE, service="patient")
        )
        await eventually(lambda: len(said) >= 3, what="it waits, and says so")
        await asyncio.to_thread(own_postgres.start)
        late = await asyncio.wait_for(waiting, 10)
    assert {(line["event"], line["waiting_for"]) for line in said} == {("waiting", "postgres")}
    assert await late.fetchval("select 1") == 1
    assert await asyncio.wait_for(pool.fetchval("select 1"), 10) == 1
    stop.set()
    await asyncio.gather(*workers)
    assert seen
    assert [type(error) for error in seen if not is_infrastructure(error)] == []
    await pool.close()
    await late.close()
