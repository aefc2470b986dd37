"""Reads topics as an outside tool does: no group, nothing committed, every partition."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from pydantic import BaseModel, ValidationError

from schemas import topics
from schemas.assignment import AssignmentChanged
from schemas.base import Lane
from schemas.submission import SubmissionQuarantined
from services.runtime.kafka_client import close, connection, fetch_wait_ms, quieten
from services.runtime.settings import KafkaSettings

END_TOPICS = (topics.ASSIGNMENTS.name, topics.QUARANTINE.name, *topics.dead_letter_topics())
"""Where the end of every submission shows."""
_ASSIGNMENTS = (topics.ASSIGNMENTS.name, topics.ASSIGNMENTS_CURRENT.name)


@dataclass(frozen=True, slots=True)
class DeadLettered:
    """A record of a dead-letter topic, as far as accounting needs it."""

    topic: str
    submission_id: UUID | None


Seen = AssignmentChanged | SubmissionQuarantined | DeadLettered


@asynccontextmanager
async def reader(
    kafka: KafkaSettings, names: Sequence[str], *, from_start: bool = False
) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer placed on every partition of the topics; placed before this returns."""
    quieten()
    consumer = AIOKafkaConsumer(
        **connection(kafka, "handraise-cli"),
        enable_auto_commit=False,
        fetch_max_wait_ms=fetch_wait_ms(kafka, Lane.LIVE),
    )
    try:
        await consumer.start()
        places = [place for name in names for place in await _partitions(consumer, name)]
        consumer.assign(places)
        move = consumer.seek_to_beginning if from_start else consumer.seek_to_end
        await move(*places)
        for place in places:
            await consumer.position(place)
        yield consumer
    finally:
        await close(consumer)


async def standing(kafka: KafkaSettings) -> AsyncIterator[AssignmentChanged]:
    """The latest change of every lead, as ``assignments.current.v1`` holds it now."""
    name = topics.ASSIGNMENTS_CURRENT.name
    async with reader(kafka, [name], from_start=True) as consumer:
        ends = await consumer.end_offsets(list(consumer.assignment()))
        while any([await consumer.position(place) < end for place, end in ends.items()]):
            got = await consumer.getmany(timeout_ms=500)
            for record in (one for records in got.values() for one in records):
                event = understand(record)
                if isinstance(event, AssignmentChanged):
                    yield event


async def _partitions(consumer: AIOKafkaConsumer, name: str) -> list[TopicPartition]:
    # Metadata of a topic that was never asked for comes with the next update.
    consumer._client.add_topic(name)
    while not (numbers := consumer.partitions_for_topic(name)):
        await consumer._client.force_metadata_update()
    return [TopicPartition(name, number) for number in sorted(numbers)]


def understand(record: ConsumerRecord) -> Seen | None:
    """What a record of END_TOPICS says; None for a value that a newer producer wrote."""
    try:
        if record.topic in _ASSIGNMENTS:
            return AssignmentChanged.read(record.value)
        if record.topic == topics.QUARANTINE.name:
            return SubmissionQuarantined.read(record.value)
        return DeadLettered(record.topic, _submission_of(record.value))
    except ValidationError:
        return None


class _Submitted(BaseModel):
    """Any event of the pipeline, as far as its submission."""

    submission_id: UUID | None


def _submission_of(value: bytes | None) -> UUID | None:
    """A dead letter may be anything: one that names no submission has none to account for."""
    try:
        return _Submitted.model_validate_json(value or b"").submission_id
    except ValidationError:
        return None
