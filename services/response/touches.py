"""Which activities answer a hand-raise, and what a touch stops. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from schemas.activity import ActivityName, ActivityRecorded, Actor
from schemas.assignment import AssignmentChanged, AssignmentStatus
from schemas.base import TierName
from services.response.clocks import PERSONAL
from services.response.model import WAITING, Change, Happening, Kind, Lead, Measured, Phase

TOUCHES = frozenset(
    {
        ActivityName.CALL_ATTEMPTED,
        ActivityName.CALL_CONNECTED,
        ActivityName.EMAIL_SENT,
        ActivityName.LINKEDIN_TOUCH,
        ActivityName.MESSAGE_SENT,
        ActivityName.MEETING_BOOKED,
        ActivityName.MEETING_HELD,
        ActivityName.QUALIFIED,
        ActivityName.DISQUALIFIED,
    }
)
"""What a human does who answers. A reply, a bounce or a page view is not ours."""

WEBSITE = frozenset({ActivityName.PAGE_VIEW, ActivityName.TRIAL_ACTION})
"""What people do by themselves: it says nothing about the feed of CRM and SDR tools."""

_CLOCKS_DIFFER = timedelta(minutes=1)
"""A CRM may write whole minutes, by a clock of its own."""


def is_touch(event: ActivityRecorded) -> bool:
    """Automation stops nothing."""
    return event.actor is Actor.HUMAN and event.activity in TOUCHES


def matters(event: ActivityRecorded) -> bool:
    """Whether an activity may change anything here; the others are not even kept."""
    return is_touch(event) or event.activity is ActivityName.SALES_ACCEPTED


def concerned(leads: Sequence[Lead], event: ActivityRecorded) -> list[Lead]:
    """Of one lead's roles those that an activity is about: its rep's, else all."""
    named = [lead for lead in leads if lead.assignment_id == event.assignment_id]
    own = [lead for lead in leads if lead.rep_id is not None and lead.rep_id == event.rep_id]
    return named or own or list(leads)


def touched(lead: Lead, event: ActivityRecorded, now: datetime) -> Change | None:
    """What a human touch changes; None where it answers nothing.

    :param now: the database's time; a touch of the future counts as of now.
    """
    at = min(event.occurred_at, now)
    if event.activity is ActivityName.SALES_ACCEPTED and event.actor is Actor.HUMAN:
        return _accepted(lead, at)
    if not is_touch(event) or at + _CLOCKS_DIFFER < lead.raised_at:
        return None
    if lead.phase is Phase.TOUCHED and lead.touched_at is not None:
        return None
    first = lead.touched_at is None
    waited = max(0.0, (at - lead.raised_at).total_seconds())
    late = first and lead.measured and lead.tier is TierName.HOT
    text = f"{event.rep_id or 'Somebody'}: {event.activity.value.replace('_', ' ')}."
    if first:
        text = f"First human touch after {round(waited)} s. {text}"
    return Change(
        replace(
            lead,
            touched_at=at if first else lead.touched_at,
            phase=Phase.NOBODY if lead.phase is Phase.NOBODY else Phase.TOUCHED,
        ),
        stop=PERSONAL,
        story=(Happening(at, "touched", text, lead.assignment_id, event.rep_id),),
        measured=(
            *((Measured("touched", lead.tier.value, waited),) if first else ()),
            *((Measured("told_late", lead.tier.value, waited),) if late else ()),
        ),
    )


def told_after(event: ActivityRecorded, assignment: AssignmentChanged) -> bool:
    """Whether an activity that was read before an assignment was told after it.

    The two come by topics of their own, so either may be read first; what the activity changes
    must not depend on it.
    """
    # Who asks again keeps the attempt: then its name says nothing of before or after.
    begins = assignment.status is not AssignmentStatus.RE_ENGAGED
    named = event.assignment_id == assignment.assignment_id
    return (named and begins) or event.received_at >= assignment.decided_at


def _accepted(lead: Lead, at: datetime) -> Change | None:
    if lead.accepted_at is not None or lead.phase not in WAITING or lead.given_at is None:
        return None
    took = max(0.0, (at - lead.given_at).total_seconds())
    return Change(
        replace(lead, accepted_at=at),
        stop=frozenset({Kind.ACCEPTANCE}),
        story=(Happening(at, "accepted", "Accepted.", lead.assignment_id, lead.rep_id),),
        measured=(Measured("accepted", lead.tier.value, took),),
    )
