"""The outbound submissions that scoring makes itself: the same door for all leads. Pure."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from schemas import topics
from schemas.base import ChannelName, KindName, Lane, Motion
from schemas.lead import Lead, LeadCaptured, Repeat
from services.runtime.records import Output, output

SERVICE = "scoring"


def prospect(
    lead: Lead,
    *,
    submission_id: UUID,
    event_id: UUID,
    causation_id: UUID | None,
    source: str,
    repeat: Repeat,
    touch: int,
    submitted_at: datetime,
    received_at: datetime,
    at: datetime,
) -> Output:
    """A lead as if somebody had handed it in: enriched, scored and accounted for like every other.

    :param touch: which submission of the lead this is, from 1.
    :param at: when it is said.
    """
    captured = LeadCaptured(
        submission_id=submission_id,
        causation_id=causation_id,
        received_at=received_at,
        lane=Lane.BULK,
        motion=Motion.OUTBOUND,
        channel=ChannelName.OUTBOUND,
        source=source,
        kind=KindName.PROSPECT,
        lead=lead,
        repeat=repeat,
        touch=touch,
        submitted_at=submitted_at,
    )
    topic = topics.captured(Lane.BULK)
    return output(topic, lead.account_key, captured, event_id=event_id, service=SERVICE, at=at)
