"""Reads dead-letter topics, and puts records back where they came from."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from schemas.cloudevents import Headers
from schemas.topics import dead_letter_topics
from services.runtime.kafka_client import close, connection, quieten
from services.runtime.records import Output
from services.runtime.stage import dead_letter as named
from services.runtime.stage.written import WRITTEN

if TYPE_CHECKING:
    from services.runtime.settings import KafkaSettings

_ASK_TIMEOUT_S: Final = 10.0
_IDLE_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that a stage set aside."""

    topic: str
    """The dead-letter topic."""
    partition: int
    offset: int
    reason: str
    detail: str
    stage: str
    attempt: int
    at: datetime | None
    origin_topic: str
    origin_partition: int
    origin_offset: int
    replays: int
    """How often it had been replayed before it died."""
    key: bytes | None
    value: bytes
    headers: Headers
    """As they were: without what the dead letter added."""
    written_ms: int | None = None
    """When the original was first written, in ms since the epoch; None where nothing tells."""

    @property
    def too_old(self) -> bool:
        """Whether it was set aside only because repeats as old as it are not known any more."""
        return self.reason == named.TOO_OLD

    @property
    def erased(self) -> bool:
        """Whether it only says that its submission has ended: the person is forgotten."""
        return self.reason == named.ERASED

    @property
    def ref(self) -> str:
        """``topic/partition/offset``; names it in commands."""
        return f"{self.topic}/{self.partition}/{self.offset}"


def parse(raw: ConsumerRecord) -> DeadLetter:
    """The dead letter in a record; what a stranger left out is empty, zero or -1."""
    found = {name: value.decode("utf-8", "replace") for name, value in raw.headers}
    at = found.get(named.AT)
    return DeadLetter(
        topic=raw.topic,
        partition=raw.partition,
        offset=raw.offset,
        reason=found.get(named.REASON, ""),
        detail=found.get(named.DETAIL, ""),
        stage=found.get(named.STAGE, ""),
        attempt=_number(found.get(named.ATTEMPT), 0),
        at=datetime.fromisoformat(at) if at else None,
        origin_topic=found.get(named.TOPIC, ""),
        origin_partition=_number(found.get(named.PARTITION), -1),
        origin_offset=_number(found.get(named.OFFSET), -1),
        replays=_number(found.get(named.REPLAYS), 0),
        key=raw.key,
        value=raw.value or b"",
        headers=tuple((n, v) for n, v in raw.headers if not n.startswith(named.PREFIX)),
        written_ms=_number(found.get(WRITTEN), 0) or None,
    )


def replay_of(letter: DeadLetter, *, as_new: bool = False) -> Output:
    """The original record, to be sent again, plus a count of its replays and when it was first
    written. Same bytes, same key, same id: harmless twice.

    :param as_new: it counts as written now, so that it is decided however old it is. Whether it was
        decided before is not known any more.
    :raises ValueError: the letter does not say where it came from, or nothing is left of it.
    """
    if letter.erased:
        raise ValueError(f"{letter.ref} is of a lead that was erased: there is nothing to replay")
    if not letter.origin_topic:
        raise ValueError(f"{letter.ref} does not name the topic that it came from")
    added = [(named.REPLAYS, str(letter.replays + 1).encode())]
    if letter.written_ms is not None and not as_new:
        added.append((WRITTEN, str(letter.written_ms).encode()))
    return Output(letter.origin_topic, letter.key, letter.value, (*letter.headers, *added))


async def read(
    kafka: KafkaSettings, topics: Sequence[str] | None = None
) -> AsyncIterator[DeadLetter]:
    """All dead letters that are there now, topic by topic, oldest first per partition.

    Joins no group and commits nothing: reading does not consume them.
    """
    quieten()
    present = await _present(kafka, topics or dead_letter_topics())
    if not present:
        return
    consumer = AIOKafkaConsumer(
        *present,
        **connection(kafka, "handraise-dlq"),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=50,
    )
    try:
        await consumer.start()
        places = sorted(consumer.assignment(), key=lambda p: (present.index(p.topic), p.partition))
        async with asyncio.timeout(_ASK_TIMEOUT_S):
            first = await consumer.beginning_offsets(places)
            ends = await consumer.end_offsets(places)
        consumer.pause(*places)
        for place in places:
            if first[place] < ends[place]:
                consumer.resume(place)
                async for letter in _read_one(consumer, place, ends[place]):
                    yield letter
                consumer.pause(place)
    finally:
        await close(consumer)


async def find(kafka: KafkaSettings, ref: str) -> DeadLetter | None:
    """The dead letter that a ``topic/partition/offset`` names, or None."""
    topic = ref.partition("/")[0]
    async for letter in read(kafka, [topic]):
        if letter.ref == ref:
            return letter
    return None


async def _present(kafka: KafkaSettings, topics: Sequence[str]) -> list[str]:
    client = AIOKafkaConsumer(**connection(kafka, "handraise-dlq"))
    try:
        await client.start()
        known = await client.topics()
    finally:
        await client.stop()
    return [topic for topic in topics if topic in known]


async def _read_one(
    consumer: AIOKafkaConsumer, place: TopicPartition, end: int
) -> AsyncIterator[DeadLetter]:
    while await consumer.position(place) < end:
        got = await consumer.getmany(place, timeout_ms=int(_IDLE_S * 1000))
        if not got:
            return  # the rest was deleted by retention while we read
        for raw in got[place]:
            if raw.offset < end:
                yield parse(raw)


def _number(text: str | None, default: int) -> int:
    return int(text) if text is not None and text.isdecimal() else default
