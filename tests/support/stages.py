"""Records, handlers and hosts for tests of the stage shell, on topics that no service uses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]
from prometheus_client import CollectorRegistry

from schemas.base import Lane, deterministic_id
from schemas.erasure import LeadErased
from schemas.topics import TopicSpec
from services.runtime.broker import LaneBroker
from services.runtime.metrics import Metrics
from services.runtime.records import Output, Record, output
from services.runtime.settings import KafkaSettings
from services.runtime.stage import StageSpec
from services.runtime.stage.gate import LaneGate
from services.runtime.stage.spec import Abandoned

AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
NAMES = iter(range(10_000))


def topic(name: str | None = None, partitions: int = 4) -> TopicSpec:
    """A topic of its own, with one consumer named ``svc``."""
    unique = name or f"shell.{next(NAMES)}.{uuid4().hex[:8]}.v1"
    return TopicSpec(unique, LeadErased, "lead id", ("test",), ("svc",), partitions=partitions)


class NoText(str):
    """A header's name as producers in other languages may write it."""

    __slots__ = ()

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        return b"\xff\xfe"


def erased(lead: UUID | None = None) -> LeadErased:
    return LeadErased(lead_id=lead or uuid4(), erased_at=AT)


def event_output(to: TopicSpec, lead: UUID | None = None, key: str | None = None) -> Output:
    """A publishable event with an id of its own."""
    event = erased(lead)
    return output(to, key or str(event.lead_id), event, event_id=uuid4(), service="test", at=AT)


def raw(
    out: Output, offset: int = 0, partition: int = 0, timestamp: int = 1_800_000_000_000
) -> ConsumerRecord:
    """The output as a consumer would get it."""
    return ConsumerRecord(
        topic=out.topic,
        partition=partition,
        offset=offset,
        timestamp=timestamp,
        timestamp_type=0,
        key=out.key,
        value=out.value,
        checksum=None,
        serialized_key_size=len(out.key or b""),
        serialized_value_size=len(out.value or b""),
        headers=tuple(out.headers),
    )


def forward(to: TopicSpec) -> Callable[[Sequence[Record[LeadErased]]], object]:
    """A handler that publishes each event again under an id derived from it."""

    async def handle(records: Sequence[Record[LeadErased]]) -> Sequence[Output]:
        return [passed_on(record, to) for record in records]

    return handle


def passed_on(record: Record[LeadErased], to: TopicSpec) -> Output:
    return output(
        to,
        str(record.event.lead_id),
        record.event,
        event_id=deterministic_id(record.id, "forward"),
        service="test",
        at=AT,
    )


def stage(
    source: TopicSpec,
    to: TopicSpec,
    handler: object = None,
    name: str | None = None,
    **more: object,
) -> StageSpec[LeadErased]:
    """A stage from one topic to another."""
    return StageSpec(
        name=name or f"stage-{uuid4().hex[:8]}",
        service="svc",
        lane=more.pop("lane", Lane.LIVE),  # type: ignore[arg-type]
        inputs=(source,),
        model=LeadErased,
        outputs=(to,),
        handler=handler or forward(to),  # type: ignore[arg-type]
        **more,  # type: ignore[arg-type]
    )


@dataclass
class ListHost:
    """Remembers what was noted; gives up after ``patience`` waits."""

    patience: int = 1000
    noted: list[int] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    def note(self, records: Sequence[ConsumerRecord]) -> None:
        self.noted += [record.offset for record in records]

    def check(self) -> None:
        return None

    async def idle(self, seconds: float) -> None:
        self.waits.append(seconds)
        await asyncio.sleep(0)
        if len(self.waits) > self.patience:
            raise Abandoned


@dataclass
class Sink:
    """Stands for the producer: keeps what was published; ``fail`` is called before."""

    published: list[Output] = field(default_factory=list)
    fail: Callable[[Sequence[Output]], None] = lambda outputs: None

    async def __call__(self, outputs: Sequence[Output]) -> None:
        self.fail(outputs)
        self.published += outputs

    def on(self, to: TopicSpec | str) -> list[Output]:
        name = to if isinstance(to, str) else to.name
        return [out for out in self.published if out.topic == name]


# -- over a broker -------------------------------------------------------------------------------
async def topics_on(kafka: KafkaSettings, count: int = 2, partitions: int = 4) -> list[TopicSpec]:
    """New topics with their dead letters, created where the broker does not do it by itself."""
    specs = [topic(partitions=partitions) for _ in range(count)]
    if not kafka.embedded:
        wanted = [NewTopic(spec.name, partitions, 1) for spec in specs]
        wanted += [NewTopic(spec.dead_letters("svc"), 1, 1) for spec in specs]
        await asyncio.to_thread(_create, kafka, wanted)
    return specs


def _create(kafka: KafkaSettings, wanted: list[Any]) -> None:
    client = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    for future in client.create_topics(wanted).values():
        future.result(20)


def lane_broker(kafka: KafkaSettings, lane: Lane = Lane.LIVE, service: str = "svc") -> LaneBroker:
    """A lane with metrics and a gate of its own."""
    return LaneBroker(kafka, lane, service, Metrics(CollectorRegistry()), LaneGate())


@asynccontextmanager
async def running(
    kafka: KafkaSettings, *stages: StageSpec[Any], lane: Lane = Lane.LIVE
) -> AsyncIterator[LaneBroker]:
    """The stages at work; stopped at the end."""
    broker = lane_broker(kafka, lane)
    for spec in stages:
        broker.add(spec)
    await broker.start()
    try:
        yield broker
    finally:
        await broker.stop()


async def publish(kafka: KafkaSettings, outputs: Sequence[Output]) -> None:
    """From outside, as another process would."""
    async with running(kafka) as broker:
        for start in range(0, len(outputs), 500):
            await broker.publish(outputs[start : start + 500])


async def contents(kafka: KafkaSettings, *topics: str) -> list[ConsumerRecord]:
    """Everything that is in these topics now, read without a group."""
    consumer = AIOKafkaConsumer(
        *topics,
        bootstrap_servers=kafka.bootstrap_servers,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=20,
    )
    await consumer.start()
    try:
        places = list(consumer.assignment())
        ends = await consumer.end_offsets(places)
        found: list[ConsumerRecord] = []
        while [p for p in places if await consumer.position(p) < ends[p]]:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found += records
        return found
    finally:
        await consumer.stop()


async def size(kafka: KafkaSettings, name: str) -> int:
    """How many records are in a topic now."""
    consumer = AIOKafkaConsumer(
        name, bootstrap_servers=kafka.bootstrap_servers, enable_auto_commit=False
    )
    await consumer.start()
    try:
        ends = await consumer.end_offsets(consumer.assignment())
        return sum(ends.values())
    finally:
        await consumer.stop()


async def committed(kafka: KafkaSettings, group: str, name: str, partitions: int = 4) -> int:
    """Sum of the group's committed offsets on a topic."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka.bootstrap_servers, group_id=group, enable_auto_commit=False
    )
    await consumer.start()
    try:
        places = [TopicPartition(name, number) for number in range(partitions)]
        consumer.assign(places)
        return sum([await consumer.committed(place) or 0 for place in places])
    finally:
        await consumer.stop()
