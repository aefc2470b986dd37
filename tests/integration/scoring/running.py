"""Services of the way to a score, as their ``app.build`` makes them, over Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType

from aiokafka import AIOKafkaConsumer

from schemas.base import Lane
from schemas.score import LeadScored
from schemas.topics import scored
from services.runtime.context import Context
from services.runtime.settings import KafkaSettings, PostgresSettings, Secrets, Settings
from tests.support.waiting import PATIENCE

CONFIG = Path("deploy/config")
SECRETS = Secrets({"FIRMOGRAPHICS": [b"s3cret"], "INSTALLATION": [b"i" * 32]})


@asynccontextmanager
async def running(
    name: str, app: ModuleType, dsn: str, kafka: KafkaSettings, config: Path = CONFIG
) -> AsyncIterator[Context]:
    settings = Settings(kafka=kafka, postgres=PostgresSettings(dsn=dsn), config=config)
    ctx = Context(name, settings, SECRETS)
    await ctx.open()
    await ctx.open_lanes()
    await app.build(ctx)
    await ctx.start()
    try:
        yield ctx
    finally:
        await ctx.stop(5.0)


async def scores(
    kafka: KafkaSettings, count: int, seconds: float = 30.0, *, again: bool = True
) -> list[LeadScored]:
    """The first so many scores; without ``again`` only those of submissions."""
    consumer = AIOKafkaConsumer(
        *(scored(lane).name for lane in Lane),
        bootstrap_servers=kafka.bootstrap_servers,
        group_id=None,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=20,
    )
    await consumer.start()
    found: list[LeadScored] = []
    try:
        async with asyncio.timeout(PATIENCE * seconds):
            while len(found) < count:
                for records in (await consumer.getmany(timeout_ms=100)).values():
                    read = [LeadScored.read(one.value) for one in records]
                    found += [one for one in read if again or not one.late]
    finally:
        await consumer.stop()
    return found
