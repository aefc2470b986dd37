"""How long a feed has been silent: what all processes know, through restarts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
from prometheus_client import CollectorRegistry

from services.capture import config
from services.capture.feedtimes import FeedTimes
from services.capture.store import feeds
from services.runtime.metrics import Metrics

CONFIG = config.parse({p.name: p.read_text() for p in Path("deploy/config").glob("*.yaml")})
AT = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


@pytest.fixture
async def pool(postgres_dsn: str) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(postgres_dsn, min_size=1, max_size=2) as pool:
        yield pool


class Process:
    """One process of capture, as far as feeds are concerned."""

    def __init__(self, pool: asyncpg.Pool, sources: config.CaptureConfig = CONFIG) -> None:
        self.config = sources
        self.metrics = Metrics()
        self.times = FeedTimes(pool, lambda: self.config, self.metrics)

    def shown(self, name: str, source: str) -> float | None:
        registry: CollectorRegistry = self.metrics.registry
        return registry.get_sample_value(name, {"source": source})

    def last(self, source: str) -> float | None:
        return self.shown("handraise_feed_last_event_timestamp_seconds", source)


async def test_every_process_shows_what_any_of_them_heard_last(pool: asyncpg.Pool) -> None:
    one, other = Process(pool), Process(pool)
    one.times.heard("dialler", AT)
    other.times.heard("dialler", AT - timedelta(hours=1))
    await one.times.sync()
    await other.times.sync()
    assert one.last("dialler") == other.last("dialler") == AT.timestamp()
    assert other.shown("handraise_feed_stale_after_seconds", "dialler") == 4 * 86_400

    restarted = Process(pool)
    await restarted.times.sync()
    assert restarted.last("dialler") == AT.timestamp(), "a restart makes no feed fresh"


async def test_one_that_never_told_anything_grows_old_from_its_first_day(
    pool: asyncpg.Pool,
) -> None:
    first = Process(pool)
    await first.times.sync()
    known = (await feeds.read(pool))["salesloft"]
    assert known.last_event_at is None
    assert first.last("salesloft") == known.known_since.timestamp()
    again = Process(pool)
    await again.times.sync()
    assert again.last("salesloft") == first.last("salesloft")
    assert first.last("typeform_demo") is None, "forms are no feeds"


async def test_what_is_no_longer_configured_is_not_stale_for_ever(pool: asyncpg.Pool) -> None:
    process = Process(pool)
    await process.times.sync()
    kept = {name: one for name, one in CONFIG.sources.items() if name != "outreach"}
    process.config = replace(CONFIG, sources=kept)
    await process.times.sync()
    assert process.last("outreach") is None
    assert process.shown("handraise_feed_stale_after_seconds", "outreach") is None
    assert process.last("dialler") is not None
