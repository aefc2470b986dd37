"""The register of configuration versions: after a publish nothing is decided under the old one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from services.runtime.configfile import ConfigError, Fault
from services.runtime.configstore import (
    ConfigStore,
    Files,
    LiveConfig,
    NoConfiguration,
    Versioned,
    version_of,
)
from services.runtime.database import open_pool
from services.runtime.metrics import Metrics
from tests.support.waiting import PATIENCE, eventually

STORE = ConfigStore()
OLD = {"routing.yaml": "pool: old"}
NEW = {"routing.yaml": "pool: new"}


def parse(files: Files) -> str:
    text = files["routing.yaml"]
    if "broken" in text:
        raise ConfigError([Fault("routing.yaml", 1, "pool", "is broken")])
    return text


@pytest.fixture
async def pool(postgres_dsn: str) -> AsyncIterator[asyncpg.Pool]:
    pool = await open_pool(postgres_dsn, size=8)
    yield pool
    pool.terminate()


@pytest.fixture
async def live(pool: asyncpg.Pool) -> AsyncIterator[LiveConfig[str]]:
    async with pool.acquire() as connection:
        await STORE.publish(connection, OLD, "ada", "first")
    live = LiveConfig(pool, parse)
    await live.start()
    yield live
    await live.stop()


def test_a_version_is_its_content() -> None:
    assert version_of({"a": "1", "b": "2"}) == version_of({"b": "2", "a": "1"})
    contents = [{"a": "1", "b": "2"}, {"a": "1", "b": "3"}, {"ab": "12"}, {"a": "1b2"}, {}]
    assert len({version_of(content) for content in contents}) == len(contents)
    assert all(len(version_of(content)) == 12 for content in contents)


async def test_versions_are_kept_and_audited(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as connection:
        with pytest.raises(NoConfiguration):
            await STORE.active(connection)
        first = await STORE.seed(connection, OLD)
        assert await STORE.seed(connection, NEW) == first, "only an empty register is seeded"
        second = await STORE.publish(connection, NEW, "ada", "more")
        assert await STORE.publish(connection, NEW, "ada", "again") == second
        assert await STORE.publish(connection, OLD, "bob", "back") == first
        assert await STORE.active(connection) == (first, OLD)
        assert await STORE.files(connection, second) == NEW
        entries = await STORE.list(connection)
        assert [(e.version, e.author, e.note, e.active) for e in entries] == [
            (first, "bob", "back", True),
            (second, "ada", "more", False),
            (first, "handraise", "seeded from the folder", False),
        ]


async def test_a_publish_waits_for_those_who_decide_and_the_next_see_it(
    pool: asyncpg.Pool, live: LiveConfig[str]
) -> None:
    async with pool.acquire() as deciding, pool.acquire() as publishing:
        transaction = deciding.transaction()
        await transaction.start()
        assert (await live.locked(deciding)).value == "pool: old"
        publish = asyncio.create_task(STORE.publish(publishing, NEW, "ada", ""))
        await eventually(lambda: _is_waiting(pool))
        late = asyncio.create_task(_decide(pool, live))
        assert not publish.done()
        await transaction.commit()
        await publish
        assert (await late).version == version_of(NEW)
        assert (await _decide(pool, live)).version == version_of(NEW)


async def test_under_load_no_decision_after_the_commit_is_old(
    pool: asyncpg.Pool, live: LiveConfig[str]
) -> None:
    """Overlapping decisions neither starve a publish nor outlive it."""
    published = asyncio.Event()
    stop = asyncio.Event()
    late: list[str] = []

    async def decide() -> None:
        while not stop.is_set():
            after = published.is_set()
            used = await _decide(pool, live, hold=0.005)
            if after:
                late.append(used.value)

    deciders = [asyncio.create_task(decide()) for _ in range(4)]
    async with pool.acquire() as connection:
        await asyncio.wait_for(STORE.publish(connection, NEW, "ada", ""), PATIENCE * 3)
    published.set()
    await eventually(lambda: len(late) > 20)
    stop.set()
    await asyncio.gather(*deciders)
    assert set(late) == {"pool: new"}


async def test_running_services_follow_within_a_second(
    pool: asyncpg.Pool, live: LiveConfig[str]
) -> None:
    async with pool.acquire() as connection:
        await STORE.publish(connection, NEW, "ada", "")
    await eventually(lambda: live.current.value == "pool: new", timeout=1)


async def test_also_after_the_connection_was_lost(
    pool: asyncpg.Pool, live: LiveConfig[str], postgres_dsn: str
) -> None:
    other = await asyncpg.connect(postgres_dsn)
    await other.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where datname = current_database() and pid <> pg_backend_pid()"
    )
    await STORE.publish(other, NEW, "ada", "")
    await eventually(lambda: live.current.value == "pool: new", timeout=3)
    await other.close()


async def test_a_version_that_does_not_parse_changes_nothing(
    pool: asyncpg.Pool, live: LiveConfig[str]
) -> None:
    async with pool.acquire() as connection:
        await STORE.publish(connection, {"routing.yaml": "broken"}, "eve", "")
    used = await _decide(pool, live)
    assert used == Versioned(version_of(OLD), "pool: old"), "decisions name what they used"
    async with pool.acquire() as connection:
        await STORE.publish(connection, NEW, "ada", "mended")
    assert (await _decide(pool, live)).value == "pool: new"


async def test_a_start_on_a_broken_version_is_refused_with_its_lines(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as connection:
        await STORE.publish(connection, {"routing.yaml": "broken"}, "eve", "")
    with pytest.raises(ConfigError, match=r"routing.yaml:1 pool: is broken"):
        await LiveConfig(pool, parse).start()


async def test_the_metric_names_the_version_in_use_only(pool: asyncpg.Pool) -> None:
    metrics = Metrics()
    async with pool.acquire() as connection:
        await STORE.publish(connection, OLD, "ada", "")
        live = LiveConfig(pool, parse, metrics=metrics)
        await live.start()
        await STORE.publish(connection, NEW, "ada", "")
        await eventually(lambda: live.current.value == "pool: new")
        await live.stop()
    text, _ = await metrics.render()
    assert f'handraise_config_info{{version="{version_of(NEW)}"}} 1.0' in text.decode()
    assert version_of(OLD) not in text.decode()


async def _decide(pool: asyncpg.Pool, live: LiveConfig[str], hold: float = 0.0) -> Versioned[str]:
    async with pool.acquire() as connection, connection.transaction():
        used = await live.locked(connection)
        await asyncio.sleep(hold)
        return used


async def _is_waiting(pool: asyncpg.Pool) -> bool:
    return bool(await pool.fetchval("select count(*) from pg_locks where not granted"))


async def test_what_is_scheduled_becomes_active_by_itself(
    pool: asyncpg.Pool, live: LiveConfig[str]
) -> None:
    async with pool.acquire() as connection:
        soon = await connection.fetchval("select clock_timestamp() + interval '0.7 seconds'")
        coming = await STORE.schedule(connection, NEW, "ada", "for Monday", soon)
        assert [one.version for one in await STORE.scheduled(connection)] == [coming]
        assert (await STORE.active(connection))[0] == version_of(OLD)
        await eventually(lambda: live.current.version == coming)
        assert live.current.value == NEW["routing.yaml"]
        assert await connection.fetchval("select clock_timestamp()") >= soon
        assert await STORE.scheduled(connection) == []
        entries = await STORE.list(connection)
        assert (entries[0].version, entries[0].note) == (coming, "for Monday")


async def test_what_was_called_off_does_not(pool: asyncpg.Pool, live: LiveConfig[str]) -> None:
    async with pool.acquire() as connection:
        due = await connection.fetchval("select clock_timestamp() + interval '1 hour'")
        coming = await STORE.schedule(connection, NEW, "ada", "", due)
        assert await STORE.cancel(connection, coming) == 1
        assert await STORE.cancel(connection, coming) == 0
        await connection.execute("update handraise.config_scheduled set effective_at = now()")
        await STORE.promote(connection)
        assert (await STORE.active(connection))[0] == version_of(OLD)


async def test_what_fell_due_while_nothing_ran_is_active_at_the_next_start(
    pool: asyncpg.Pool,
) -> None:
    async with pool.acquire() as connection:
        await STORE.publish(connection, OLD, "ada", "")
        now = await connection.fetchval("select now()")
        coming = await STORE.schedule(connection, NEW, "ada", "", now)
    started = LiveConfig(pool, parse)
    await started.start()
    assert started.current.version == coming
    await started.stop()
