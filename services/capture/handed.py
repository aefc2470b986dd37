"""What a door hands over to be made durable: the record, and how a repeat of it is recognised."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from schemas.base import Lane
from schemas.submission import SubmissionReceived
from services.capture.events import submission_output
from services.capture.repeats import LIFETIMES
from services.runtime.records import Output


@dataclass(frozen=True, slots=True)
class Handed:
    """One input."""

    id: UUID
    lane: Lane
    scope: str
    """The source of a submission; of anything else, what its keys are unique within."""
    delivery_key: str
    digest: str
    received_at: datetime
    expires_at: datetime
    """Until then the key means this input."""
    output: Output
    ends: bool
    """A submission: it has an end, which can be seen on the bus."""


def submission(event: SubmissionReceived, traceparent: str | None) -> Handed:
    """A submission, with its record."""
    return Handed(
        id=event.submission_id,
        lane=event.lane,
        scope=event.source,
        delivery_key=event.delivery_key,
        digest=event.body_sha256,
        received_at=event.received_at,
        expires_at=event.received_at + LIFETIMES[event.delivery_key_kind],
        output=submission_output(event, traceparent),
        ends=True,
    )
