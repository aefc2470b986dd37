"""Touch plans: who is enrolled, when the next touch is due, what ends a plan. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from schemas.activity import ActivityName, ActivityRecorded
from schemas.assignment import AssignmentChanged
from schemas.base import RoleName
from schemas.touch import Audience, TouchDue, TouchReason
from services.kernel.answering import Business
from services.kernel.calendars import Schedule, common_intervals
from services.response.model import Lead
from services.response.plan import Cadence, TouchPlan
from services.response.telling import telling

WITHDRAWN = "consent was withdrawn"

ENDS = {
    ActivityName.EMAIL_REPLIED: "the person replied",
    ActivityName.MEETING_BOOKED: "a meeting is booked",
    ActivityName.MEETING_HELD: "a meeting was held",
    ActivityName.QUALIFIED: "the lead is qualified",
    ActivityName.DISQUALIFIED: "the lead is disqualified",
    ActivityName.UNSUBSCRIBED: WITHDRAWN,
    ActivityName.WON: "the deal is won",
    ActivityName.LOST: "the deal is lost",
}
"""What ends a plan, whoever did it."""

MAIL = frozenset({ActivityName.EMAIL_SENT, ActivityName.EMAIL_BOUNCED})
"""What a plan's bounce rate is counted by."""

_LONGEST = timedelta(days=90)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A lead in a plan."""

    lead_id: UUID
    role: RoleName
    plan: str
    assignment_id: UUID
    raise_id: UUID
    """One hand-raise is enrolled once."""
    started_at: datetime
    step: int
    due_at: datetime


def refusal(event: AssignmentChanged, cadence: Cadence, now: datetime) -> str | None:
    """Why the lead is not enrolled; None where it may be.

    A plan that writes to unverified addresses ruins the sender; one that speaks to a role that
    somebody left months ago is noise.
    """
    verified, confirmed = event.lead.email_verified_at, event.lead.role_confirmed_at
    if verified is None or now - verified > cadence.email_verified_within:
        return f"the e-mail was not verified within {cadence.email_verified_within.days} days"
    if confirmed is None or now - confirmed > cadence.role_confirmed_within:
        return f"the role was not confirmed within {cadence.role_confirmed_within.days} days"
    return None


def enrolled(lead: Lead, plan: TouchPlan, business: Business, now: datetime) -> Enrolment:
    """The lead at the beginning of a plan."""
    return Enrolment(
        lead_id=lead.lead_id,
        role=lead.role,
        plan=plan.id,
        assignment_id=lead.assignment_id,
        raise_id=lead.raise_id,
        started_at=now,
        step=1,
        due_at=due(plan.touches[0].day, business, now),
    )


def following(
    one: Enrolment, plan: TouchPlan, business: Business, now: datetime
) -> tuple[int, datetime, bool]:
    """Step and instant of the next touch, never before now; True: there is none."""
    if one.step >= len(plan.touches):
        return one.step, one.due_at, True
    at = due(plan.touches[one.step].day, business, one.started_at)
    return one.step + 1, max(at, now), False


def due(day: int, business: Business, start: datetime) -> datetime:
    """When business day ``day`` begins, counted from ``start``, whose own day is 1."""
    if day == 1:
        return business.opening(start)
    found = _nth_day(business.schedules, start, day) or start + (day - 1) * _DAY
    return start + (found - start) / business.scale


def touch_due(one: Enrolment, lead: Lead, plan: TouchPlan) -> TouchDue:
    """What the rep who has the lead now is told."""
    touch = plan.touches[one.step - 1]
    note = f"Touch {one.step} of {len(plan.touches)} of {plan.id}: {touch.by.value}."
    return telling(
        lead, one.due_at, TouchReason.CADENCE, Audience.REP, note,
        means=touch.by, step=one.step, plan=plan.id,
    )  # fmt: skip


def plan_ended(one: Enrolment, lead: Lead, why: str, at: datetime) -> TouchDue:
    """That nothing more follows; for whoever goes on by the plan on their own."""
    note = f"The plan {one.plan} is over: {why}."
    return telling(
        lead, at, TouchReason.CADENCE, Audience.REP, note,
        step=max(1, one.step - 1), plan=one.plan, ended=why,
    )  # fmt: skip


def ends(event: ActivityRecorded) -> str | None:
    """Why an activity ends the plan of its lead; None where it does not."""
    return ENDS.get(event.activity)


def matters(event: ActivityRecorded) -> bool:
    """Whether an activity may end a plan or count for its bounce rate, whoever did it."""
    return event.activity in ENDS or event.activity in MAIL


def _nth_day(schedules: Sequence[Schedule], start: datetime, day: int) -> datetime | None:
    """The first open instant of the nth day with any business time."""
    if not schedules:
        return None
    zone, seen = schedules[-1].zone, start.astimezone(schedules[-1].zone).date()
    number = 1
    for begin, stop in common_intervals(schedules, start, start + _LONGEST):
        at = begin
        while at < stop:  # a stretch may last over midnight, even for weeks
            today = at.astimezone(zone).date()
            if today > seen:
                seen, number = today, number + 1
                if number == day:
                    return at
            tomorrow = datetime.combine(today + _DAY, datetime.min.time(), zone)
            at = max(at + timedelta(seconds=1), tomorrow.astimezone(begin.tzinfo))
    return None
