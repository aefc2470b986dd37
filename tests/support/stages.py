"""Records, handlers and hosts for tests of the stage shell, on topics that no service uses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID, uuid4

from aiokafka import ConsumerRecord

from schemas.base import Lane, deterministic_id
from schemas.erasure import LeadErased
from schemas.topics import TopicSpec
from services.runtime.records import Output, Record, output
from services.runtime.stage import StageSpec
from services.runtime.stage.spec import Abandoned

AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
NAMES = iter(range(10_000))


def topic(name: str | None = None, partitions: int = 4) -> TopicSpec:
    """A topic of its own, with one consumer named ``svc``."""
    unique = name or f"shell.{next(NAMES)}.{uuid4().hex[:8]}.v1"
    return TopicSpec(unique, LeadErased, "lead id", ("test",), ("svc",), partitions=partitions)


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
