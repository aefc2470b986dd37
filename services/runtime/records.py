"""What a stage takes in and gives out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar
from uuid import UUID

from schemas.base import Event
from schemas.cloudevents import Envelope, Headers
from schemas.topics import TopicSpec

E = TypeVar("E", bound=Event)


@dataclass(frozen=True, slots=True)
class Record(Generic[E]):
    """One decoded record of a topic, with where it came from."""

    event: E
    envelope: Envelope
    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes
    headers: Headers
    written_ms: int | None = None
    """When it was first written to its topic, in ms since the epoch; None: nothing tells."""

    @property
    def id(self) -> UUID:
        """The event's id: the same at every delivery of it."""
        return self.envelope.id


@dataclass(frozen=True, slots=True)
class Output:
    """One record to publish, as bytes, so that a repeat of it is identical."""

    topic: str
    key: bytes | None
    value: bytes | None
    """None deletes the key from a compacted topic."""
    headers: Headers
    row: int | None = None
    """Its outbox row, where a service stored it before publishing."""
    tag: object | None = None
    """For the deciding service alone (a metric to observe at acknowledgement); never stored."""

    @property
    def size(self) -> int:
        """Bytes of its value."""
        return len(self.value or b"")


def output(
    topic: TopicSpec,
    key: str,
    event: Event,
    *,
    event_id: UUID,
    service: str,
    at: datetime,
    traceparent: str | None = None,
    tag: object | None = None,
    headers: Headers = (),
) -> Output:
    """The record that publishes ``event``; ``at`` becomes the CloudEvents time.

    :param headers: beside those of the envelope.
    """
    envelope = Envelope(
        id=event_id,
        type=event.TYPE,
        source=f"/handraise/{service}",
        subject=event.subject,
        time=at,
        traceparent=traceparent,
    )
    every = (*envelope.to_headers(), *headers)
    return Output(topic.name, key.encode(), event.encode(), every, tag=tag)
