"""What only a real Kafka shows: members that come, leave, die and freeze; brokers that go away."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import uuid4

import pytest
from aiokafka.errors import KafkaError

from schemas.topics import TopicSpec
from services.runtime.embedded.kafka import EmbeddedKafka
from services.runtime.records import Output
from services.runtime.settings import KafkaSettings
from tests.support.kafka import Broker
from tests.support.signals import freeze, thaw
from tests.support.stages import (
    committed,
    contents,
    event_output,
    lane_broker,
    running,
    size,
    stage,
    topics_on,
)
from tests.support.waiting import eventually

COUNT = 600


class Member:
    """A member of a group in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    async def end(self) -> int:
        return await asyncio.wait_for(self._process.wait(), 10)


@asynccontextmanager
async def members(kafka: KafkaSettings, *arguments: str) -> AsyncIterator[Callable[..., object]]:
    """Makes members; those that are left at the end are killed."""
    started: list[asyncio.subprocess.Process] = []

    async def make(instance: str | None = None) -> Member:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.support.stage_member",
            kafka.bootstrap_servers,
            *arguments,
            *((instance,) if instance else ()),
            stdout=asyncio.subprocess.PIPE,
            env=os.environ,
        )
        started.append(process)
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), 20)
        while line and b"ready" not in line:
            line = await asyncio.wait_for(process.stdout.readline(), 20)
        return Member(process)

    try:
        yield make
    finally:
        for process in started:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def ids(kafka: KafkaSettings, name: str) -> list[bytes]:
    return [dict(record.headers)["ce_id"] for record in await contents(kafka, name)]


async def flow(kafka: KafkaSettings, source: TopicSpec, pause: float = 0.003) -> None:
    """COUNT records, one by one, as a steady load."""
    async with running(kafka) as outside:
        for number in range(COUNT):
            await outside.publish([event_output(source, key=f"account-{number % 50}")])
            await asyncio.sleep(pause)


async def all_through(kafka: KafkaSettings, to: TopicSpec, count: int = COUNT) -> int:
    """Waits until every record is through; how many came twice."""

    async def enough() -> bool:
        return await _some(kafka, to, count) and len(set(await ids(kafka, to.name))) >= count

    await eventually(enough, timeout=60, what=f"{count} records on {to.name}")
    found = await ids(kafka, to.name)
    assert len(set(found)) == count
    return len(found) - count


@pytest.mark.real_kafka
@pytest.mark.parametrize("fate", ["leaves", "dies", "freezes"])
async def test_two_members_share_the_work_and_lose_nothing(real_kafka: Broker, fate: str) -> None:
    kafka = real_kafka.settings
    source, to = await topics_on(kafka)
    group = f"pair-{uuid4().hex[:6]}"
    async with members(kafka, source.name, to.name, group) as member:
        first = await member()
        second = await member()
        load = asyncio.create_task(flow(kafka, source))
        await eventually(lambda: _some(kafka, to, 100), timeout=40)
        match fate:
            case "leaves":
                first.send(signal.SIGTERM)
                assert await first.end() == 0
            case "dies":
                first.send(signal.SIGKILL)
            case "freezes":
                freeze(first.pid)
                await eventually(lambda: _some(kafka, to, COUNT), timeout=40)
                thaw(first.pid)
        await load
        twice = await all_through(kafka, to)
        if fate == "leaves":
            assert twice <= 20, "at most the batch at hand"
        second.send(signal.SIGTERM)
        assert await second.end() == 0
    assert await contents(kafka, source.dead_letters("svc")) == []


@pytest.mark.real_kafka
async def test_a_member_that_joins_costs_nothing_twice(real_kafka: Broker) -> None:
    kafka = real_kafka.settings
    source, to = await topics_on(kafka)
    async with members(kafka, source.name, to.name, f"joined-{uuid4().hex[:6]}") as member:
        await member()
        load = asyncio.create_task(flow(kafka, source))
        await eventually(lambda: _some(kafka, to, 100), timeout=40)
        await member()
        await load
        assert await all_through(kafka, to) == 0


@pytest.mark.real_kafka
async def test_a_static_member_comes_back_without_a_rebalance(real_kafka: Broker) -> None:
    kafka = real_kafka.settings
    source, to = await topics_on(kafka)
    async with members(kafka, source.name, to.name, f"static-{uuid4().hex[:6]}") as member:
        first = await member("a")
        await member("b")
        load = asyncio.create_task(flow(kafka, source))
        await eventually(lambda: _some(kafka, to, 100), timeout=40)
        first.send(signal.SIGKILL)
        await member("a")
        await load
        await all_through(kafka, to)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKafka]:
    """A broker of this module, to be stopped and killed; each test leaves it running."""
    broker = EmbeddedKafka(tmp_path_factory.mktemp("kafka"))
    broker.start()
    yield broker
    broker.stop()


def settings_of(server: EmbeddedKafka) -> KafkaSettings:
    return KafkaSettings(
        bootstrap_servers=server.address, session_timeout_ms=3000, heartbeat_ms=500
    )


@pytest.mark.real_kafka
@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_a_broker_restart_is_survived(server: EmbeddedKafka, how: str) -> None:
    kafka = settings_of(server)
    source, to = await topics_on(kafka)
    spec = stage(source, to)
    async with running(kafka, spec) as lane, running(kafka) as outside:
        done = asyncio.create_task(_stubborn(outside.publish, source, 300))
        await eventually(lambda: _some(kafka, to, 50), timeout=40)
        await asyncio.to_thread(server.stop if how == "stop" else server.kill)
        # Longer than a publish waits: the producers must be replaced, not only resume.
        await eventually(lambda: "waiting_for=kafka" in (lane.ready() or ""), timeout=20)
        await asyncio.to_thread(server.start)
        await done
        await all_through(kafka, to, 300)
        await eventually(lambda: lane.ready() is None)
        assert not lane.failed.is_set()
        await eventually(lambda: _committed_all(kafka, spec.name, source))
    assert await contents(kafka, source.dead_letters("svc")) == []


@pytest.mark.real_kafka
async def test_a_poisoned_producer_is_replaced(real_kafka: Broker) -> None:
    kafka = real_kafka.settings
    (to,) = await topics_on(kafka, 1)
    lane = lane_broker(kafka)
    await lane.start()
    try:
        await lane.publish([event_output(to)])
        poisoned = lane._producer._raw
        # A record over the topic's limit poisons aiokafka's idempotent producer for good (#1017).
        with pytest.raises(KafkaError):
            await lane.publish([replace(event_output(to), value=b"x" * 3_000_000)])
        for _ in range(5):
            await lane.publish([event_output(to)])
        assert lane._producer._raw is not poisoned
    finally:
        await lane.stop()
    assert len(await contents(kafka, to.name)) == 6


@pytest.mark.real_kafka
async def test_a_lane_that_starts_before_its_broker_goes_on_by_itself(
    server: EmbeddedKafka,
) -> None:
    kafka = settings_of(server)
    source, to = await topics_on(kafka)
    await asyncio.to_thread(server.stop)
    lane = lane_broker(kafka)
    lane.add(stage(source, to))
    starting = asyncio.create_task(lane.start())
    try:
        await eventually(lambda: "waiting_for=kafka" in (lane.ready() or ""))
        with pytest.raises((KafkaError, OSError)):
            await lane.publish([event_output(source)], timeout=0.5)
        assert not await lane.ping(0.5)
        await asyncio.to_thread(server.start)
        await starting
        await eventually(lambda: lane.ready() is None, timeout=20)
        await lane.publish([event_output(source)])
        await all_through(kafka, to, 1)
    finally:
        await lane.stop()


async def _stubborn(
    publish: Callable[[list[Output]], object], source: TopicSpec, count: int
) -> None:
    """Publishes each record until it is acknowledged."""
    for number in range(count):
        out = event_output(source, key=f"account-{number % 20}")
        while True:
            try:
                await publish([out])  # type: ignore[misc]
                break
            except (KafkaError, OSError):
                await asyncio.sleep(0.2)


async def _some(kafka: KafkaSettings, to: TopicSpec, count: int) -> bool:
    await asyncio.sleep(0.2)  # asking costs the two cores more than it tells
    return await size(kafka, to.name) >= count


async def _committed_all(kafka: KafkaSettings, group: str, source: TopicSpec) -> bool:
    return await committed(kafka, group, source.name) == await size(kafka, source.name)
