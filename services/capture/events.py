"""The events that capture publishes."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from schemas import topics
from schemas.base import ChannelName, Lane, Motion, event_id
from schemas.lead import Lead, LeadCaptured
from schemas.submission import SubmissionQuarantined, SubmissionReceived
from services.capture.adapters.base import Item
from services.capture.batch import Touch
from services.capture.normalize import Draft
from services.capture.repeats import submission_id
from services.capture.screening import SetAside
from services.runtime.records import Output, Record, output

SERVICE = "capture"


def received(
    source: str,
    item: Item,
    *,
    headers: dict[str, str],
    lane: Lane,
    motion: Motion,
    at: datetime,
    causation_id: UUID | None = None,
) -> SubmissionReceived:
    """The event of one delivered item. Its channel is derived later, from what the body says."""
    digest = item.digest
    return SubmissionReceived(
        submission_id=submission_id(source, item.delivery_key, item.key_kind, digest, at),
        causation_id=causation_id,
        received_at=at,
        lane=lane,
        motion=motion,
        channel=ChannelName.UNKNOWN,
        source=source,
        delivery_key=item.delivery_key,
        delivery_key_kind=item.key_kind,
        content_type=headers.get("content-type", "application/octet-stream")[:200],
        headers=headers,
        body=item.body,
        body_sha256=digest,
    )


def submission_event_id(event: SubmissionReceived) -> UUID:
    """Id of the record that hands a submission in, or hands it in again for a cause."""
    cause = event.causation_id or event.received_at.isoformat()
    return event_id(event.submission_id, "capture.http", cause, 0)


def submission_output(event: SubmissionReceived, traceparent: str | None = None) -> Output:
    """Its record. The id holds the time of receipt: a retry is another record about the same
    submission, which the consumer then recognises, and not a redelivery of the first."""
    return output(
        topics.submissions(event.lane),
        event.delivery_key,
        event,
        event_id=submission_event_id(event),
        service=SERVICE,
        at=event.received_at,
        traceparent=traceparent,
    )


def captured(record: Record[SubmissionReceived], draft: Draft, touch: Touch) -> LeadCaptured:
    """The lead of a submission."""
    event = record.event
    return LeadCaptured(
        submission_id=event.submission_id,
        causation_id=record.id,
        received_at=event.received_at,
        lane=event.lane,
        motion=draft.motion,
        channel=draft.channel,
        source=event.source,
        kind=draft.kind,
        lead=Lead(lead_id=touch.lead_id, account_key=touch.account_key, **draft.values),
        repeat=touch.repeat,
        touch=touch.row.touch,
        submitted_at=draft.submitted_at,
    )


def lead_output(
    record: Record[SubmissionReceived], event: LeadCaptured, now: datetime, tag: object
) -> Output:
    """The record of a captured lead, keyed by its account."""
    return output(
        topics.captured(event.lane),
        event.lead.account_key,
        event,
        event_id=event_id(record.id, SERVICE, event.submission_id, 0),
        service=SERVICE,
        at=now,
        traceparent=record.envelope.traceparent,
        tag=tag,
    )


def quarantined(record: Record[SubmissionReceived], why: SetAside) -> SubmissionQuarantined:
    """A submission that became no lead."""
    event = record.event
    return SubmissionQuarantined(
        quarantine_id=event_id(record.id, "capture.quarantine", event.submission_id, 0),
        submission_id=event.submission_id,
        causation_id=record.id,
        source=event.source,
        disposition=why.disposition,
        reason=why.reason,
        detail=why.detail,
        submission=event,
    )


def quarantine_output(
    record: Record[SubmissionReceived], event: SubmissionQuarantined, now: datetime, tag: object
) -> Output:
    """The record of a submission that was set aside, keyed as the submission was."""
    return output(
        topics.QUARANTINE,
        event.submission.delivery_key,
        event,
        event_id=event.quarantine_id,
        service=SERVICE,
        at=now,
        traceparent=record.envelope.traceparent,
        tag=tag,
    )
