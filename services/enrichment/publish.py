"""From a revision to the record that publishes it."""

from __future__ import annotations

from schemas.topics import enriched
from services.enrichment.revise import Revision
from services.runtime.records import Output, output

SERVICE = "enrichment"


def to_output(revision: Revision, traceparent: str | None) -> Output:
    """The record that publishes a revision."""
    event = revision.event
    return output(
        enriched(event.lane),
        event.lead.account_key,
        event,
        event_id=revision.event_id,
        service=SERVICE,
        at=revision.at,
        traceparent=traceparent,
    )
