"""What people and reps did after the hand-raise."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import StrEnum
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import FiniteFloat

from schemas.base import Event, Instant, Lane, open_vocabulary
from schemas.qualification import Answers


class ActivityName(StrEnum):
    """The closed list of activities; a reader takes an unknown one as ``other``."""

    PAGE_VIEW = "page_view"
    TRIAL_ACTION = "trial_action"
    CALL_ATTEMPTED = "call_attempted"
    CALL_CONNECTED = "call_connected"
    EMAIL_SENT = "email_sent"
    EMAIL_BOUNCED = "email_bounced"
    EMAIL_REPLIED = "email_replied"
    LINKEDIN_TOUCH = "linkedin_touch"
    MESSAGE_SENT = "message_sent"
    MEETING_BOOKED = "meeting_booked"
    MEETING_HELD = "meeting_held"
    NO_SHOW = "no_show"
    SALES_ACCEPTED = "sales_accepted"
    QUALIFIED = "qualified"
    DISQUALIFIED = "disqualified"
    OPPORTUNITY_CREATED = "opportunity_created"
    WON = "won"
    LOST = "lost"
    UNSUBSCRIBED = "unsubscribed"
    OTHER = "other"


_LIVE = frozenset(ActivityName) - {
    ActivityName.PAGE_VIEW,
    ActivityName.EMAIL_SENT,
    ActivityName.EMAIL_BOUNCED,
    ActivityName.OTHER,
}


def activity_lane(activity: ActivityName) -> Lane:
    """``live`` where someone waits for what follows from it; what comes in floods is ``bulk``."""
    return Lane.LIVE if activity in _LIVE else Lane.BULK


HEADER = "ce_activity"
"""A CloudEvents extension: what an activity is, so that a reader can pass over it unread. Not all
producers give it."""


_LANES = {name.value.encode(): activity_lane(name) for name in ActivityName}
_PAGE_VIEW = (HEADER, ActivityName.PAGE_VIEW.value.encode())


def lane_named(headers: Iterable[tuple[str, bytes]]) -> Lane | None:
    """The lane of a record, unread; None where its headers do not say."""
    return next((_LANES.get(value) for name, value in headers if name == HEADER), None)


def is_page_view(headers: Collection[tuple[str, bytes]]) -> bool:
    """Whether a record is known, unread, to be a page view: those come in floods."""
    return _PAGE_VIEW in headers


def is_other_than(activity: ActivityName, headers: Collection[tuple[str, bytes]]) -> bool:
    """Whether a record is known, unread, to be another activity; one that does not say is not."""
    return any(name == HEADER and value != activity.value.encode() for name, value in headers)


class Actor(StrEnum):
    """Only a human's touch stops a response clock."""

    HUMAN = "human"
    AUTOMATION = "automation"


class ActivityRecorded(Event):
    """Something happened with a lead. Key: account key; foreign producers may give a hint."""

    TYPE: ClassVar[str] = "com.handraise.activity.recorded.v1"

    activity: Annotated[ActivityName, open_vocabulary("other", ActivityName)]
    occurred_at: Instant
    received_at: Instant
    actor: Actor
    lane: Lane = Lane.LIVE
    rep_id: str | None = None
    lead_id: UUID | None = None
    assignment_id: UUID | None = None
    email: str | None = None
    domain: str | None = None
    phone: str | None = None
    """E.164; for diallers that know nobody by another name."""
    visitor_id: str | None = None
    """What the website calls a browser; its visits belong to whoever identifies in it next."""
    source: str = ""
    """Who recorded it: the feed in ``sources.yaml``, or ``api``."""
    external_id: str | None = None
    """What the source calls the activity; repeats of it count once."""
    page_url: str | None = None
    page_kind: str | None = None
    """What sort of page was looked at, for example ``pricing``."""
    detail: str | None = None
    """One line for a person: the trial action, the subject of a call."""
    amount: FiniteFloat | None = None
    """In the currency of the opportunity; for ``opportunity_created``, ``won`` and ``lost``."""
    reason: str | None = None
    """Why it was lost or disqualified; for the latter one of ``qualification.yaml``."""
    answers: Answers | None = None
    """What a rep learned of the five things to know."""
    submission_id: UUID | None = None

    @property
    def subject(self) -> str:
        hints = (self.lead_id, self.assignment_id, self.email, self.phone, self.visitor_id)
        return str(next((hint for hint in hints if hint), self.domain or ""))
