"""Response as ``app.build`` makes it, over Kafka: what it reads, when it fires, what survives."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from schemas.assignment import AssignmentRequested
from schemas.base import Event, Lane
from schemas.topics import ACTIVITIES, ASSIGNMENT_REQUESTS, ASSIGNMENTS, TOUCHES, TopicSpec
from schemas.touch import TouchDue
from services.response import app
from services.runtime import topics_admin
from services.runtime.broker import LaneBroker
from services.runtime.context import Context
from services.runtime.metrics import Metrics
from services.runtime.records import output
from services.runtime.settings import KafkaSettings, PostgresSettings, Secrets, Settings
from tests.integration.response.desk import activity, files
from tests.support.assignments import LeadLife
from tests.support.kafka import Broker
from tests.support.observer import Observer, observing
from tests.support.waiting import eventually

QUICK = """
time: wall_clock
hops: 1
tiers:
  hot: {reminder: 400ms, breach: 1s}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    for name, text in files(QUICK).items():
        (tmp_path / name).write_text(text, "utf-8")
    return tmp_path


@asynccontextmanager
async def running(dsn: str, kafka: KafkaSettings, config: Path) -> AsyncIterator[Context]:
    """One process of the service."""
    settings = Settings(kafka=kafka, postgres=PostgresSettings(dsn=dsn), config=config)
    ctx = Context("response", settings, Secrets({}))
    await ctx.open()
    await ctx.open_lanes()
    await app.build(ctx)
    await ctx.start()
    try:
        yield ctx
    finally:
        await ctx.stop(5.0)


async def publish(kafka: KafkaSettings, topic: TopicSpec, events: Sequence[Event]) -> None:
    broker = LaneBroker(kafka, Lane.LIVE, "test", Metrics())
    await broker.start()
    await broker.publish(
        [
            output(topic, event.subject, event, event_id=uuid4(), service="t", at=_now())
            for event in events
        ]
    )
    await broker.stop()


def _now() -> datetime:
    return datetime.now(UTC)


def asked(bus: Observer) -> list[AssignmentRequested]:
    return [AssignmentRequested.read(one.value or b"") for one in bus.of(ASSIGNMENT_REQUESTS.name)]


def reminded(bus: Observer) -> list[TouchDue]:
    return [TouchDue.read(one.value or b"") for one in bus.of(TOUCHES.name)]


@pytest.mark.real_kafka
async def test_two_processes_fire_each_clock_once_and_none_that_a_touch_stopped(
    postgres_dsn: str, real_kafka: Broker, config: Path
) -> None:
    kafka = real_kafka.settings
    await topics_admin.apply(kafka)
    lives = [LeadLife() for _ in range(30)]
    answered = lives[::3]
    async with AsyncExitStack() as stack:
        bus = await stack.enter_async_context(
            observing(kafka.bootstrap_servers, [ASSIGNMENT_REQUESTS.name, TOUCHES.name])
        )
        for _ in range(2):
            await stack.enter_async_context(running(postgres_dsn, kafka, config))
        # The touches are told first: whoever waits for the assignment finds them there.
        await publish(kafka, ACTIVITIES, [activity(one.lead_id) for one in answered])
        await publish(kafka, ASSIGNMENTS, [one.given("ana") for one in lives])
        await bus.until(lambda: len(asked(bus)) >= 20, 40, lambda: f"{len(asked(bus))} of 20")
        silent = {one.lead_id for one in lives} - {one.lead_id for one in answered}
        assert {one.lead_id for one in reminded(bus)} == silent
        assert {one.assignment_id for one in asked(bus)} == {
            one.assignment_id for one in lives if one.lead_id in silent
        }
        assert len(asked(bus)) == len(reminded(bus)) == 20


async def test_a_clock_outlives_its_process_and_a_touch_told_meanwhile_stops_it(
    postgres_dsn: str, mock_kafka: Broker, config: Path
) -> None:
    kafka = mock_kafka.settings
    silent, answered = LeadLife(), LeadLife()
    connection = await asyncpg.connect(postgres_dsn)

    async def clocks() -> int:
        found: int = await connection.fetchval(
            "select count(*) from response.running where kind <> 'measure'"
        )
        return found

    async with observing(kafka.bootstrap_servers, [ASSIGNMENT_REQUESTS.name, TOUCHES.name]) as bus:
        async with running(postgres_dsn, kafka, config):
            events = [silent.given("ana"), answered.given("ana")]
            await publish(kafka, ASSIGNMENTS, events)

            async def known() -> bool:
                return bool(await connection.fetchval("select count(*) = 2 from response.leads"))

            await eventually(known, 30)
        # Nobody runs: a touch is told, and more than all of the time passes.
        await publish(kafka, ACTIVITIES, [activity(answered.lead_id)])
        await connection.execute(
            "update response.clocks set due_at = due_at - interval '1 h', try_at = due_at"
        )
        async with running(postgres_dsn, kafka, config):
            await bus.until(lambda: bool(asked(bus)), 60, "a request")

            async def all_done() -> bool:
                return await clocks() == 0

            await eventually(all_done, 30)
    await connection.close()
    assert {one.assignment_id for one in asked(bus)} == {silent.assignment_id}
    assert len(asked(bus)) == 1
