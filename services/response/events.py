"""From a change to the records that tell of it. Pure."""

from __future__ import annotations

from datetime import datetime

from schemas.assignment import AssignmentRequested, RequestAction
from schemas.base import deterministic_id
from schemas.topics import ASSIGNMENT_REQUESTS, TOUCHES
from services.response.model import Change
from services.runtime.records import Output, output

SERVICE = "response"


def outputs(change: Change, now: datetime) -> list[Output]:
    """What routing is asked for, and what the rep, the manager or the team is told."""
    lead = change.lead
    asks = [
        output(
            ASSIGNMENT_REQUESTS,
            lead.account_key,
            AssignmentRequested(
                assignment_id=lead.assignment_id,
                action=RequestAction(ask.action),
                expected_status=ask.expected,
                reason=ask.reason,
                requested_at=now,
            ),
            event_id=deterministic_id("ask", lead.assignment_id, ask.action, now.isoformat()),
            service=SERVICE,
            at=now,
        )
        for ask in change.asks
    ]
    due = [
        output(
            TOUCHES,
            lead.account_key,
            touch,
            event_id=deterministic_id(
                "due", lead.assignment_id, touch.reason, touch.audience, ordinal, now.isoformat()
            ),
            service=SERVICE,
            at=now,
        )
        for ordinal, touch in enumerate(change.due)
    ]
    return [*asks, *due]
