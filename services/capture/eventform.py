"""The bodies of ``POST /v1/activities`` and ``/v1/signals``, and the events they become."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Self
from uuid import UUID

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    StringConstraints,
    model_validator,
)

from schemas import topics
from schemas.activity import HEADER, ActivityName, ActivityRecorded, Actor, activity_lane
from schemas.base import Event, Instant, Lane, deterministic_id
from schemas.qualification import Answers
from schemas.signal import SignalDetected, SignalName
from schemas.topics import TopicSpec
from services.capture.leadform import Line, Link, Name
from services.capture.normalize import believable, line
from services.kernel.hints import account_of, signal_id
from services.kernel.identity import account_key, normalise_email, normalise_phone

MAX_BATCH: Final = 100
"""Events of one request."""

SourceName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
_NOBODY: Final = UUID(int=0)
_NO_ACCOUNT: Final = str(_NOBODY)
_HINTS: Final = ("lead_id", "assignment_id", "email", "phone", "visitor_id", "domain")


class _Form(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class ActivityForm(_Form):
    """What somebody did. At least one of ``lead_id``, ``assignment_id``, ``email``, ``phone``,
    ``visitor_id`` and ``domain`` says whom it is about."""

    activity: ActivityName
    occurred_at: Instant | None = None
    """When it happened, with an offset; else now."""
    actor: Actor = Actor.HUMAN
    """Only a human's touch stops a clock."""
    rep_id: Name = None
    lead_id: UUID | None = None
    assignment_id: UUID | None = None
    email: Name = None
    phone: Name = None
    """With its country, as +49 30 …"""
    visitor_id: Name = None
    domain: Name = None
    """Of the company, where the whole account is meant."""
    source: SourceName | None = None
    """The tool that recorded it; else the key's own source."""
    external_id: Name = None
    """What the tool calls the activity: repeats of it count once."""
    page_url: Link = None
    page_kind: Name = None
    """What sort of page, for example ``pricing``."""
    detail: Line = None
    amount: FiniteFloat | None = None
    """Of the opportunity, in its currency."""
    reason: Line = None
    """Why it was lost, or disqualified: then one of ``qualification.yaml``, by its id or words."""
    answers: Answers | None = None
    """What a rep learned: by criterion what was ``said``, and whether that is ``met``."""

    @model_validator(mode="after")
    def _someone(self) -> Self:
        if not any(getattr(self, name) for name in _HINTS):
            raise ValueError(f"one of {', '.join(_HINTS[:-1])} and {_HINTS[-1]} is needed")
        return self


class SignalForm(_Form):
    """What was seen about a company."""

    signal: SignalName
    domain: Annotated[str, StringConstraints(max_length=253, strip_whitespace=True)]
    """Of the company."""
    provider: SourceName | None = None
    """Who saw it; else the key's own source."""
    external_id: Name = None
    """What the provider calls it: repeats of it count once. Without it the same signal about the
    same company counts once a day."""
    occurred_at: Instant | None = None
    detail: Line = None
    strength: Annotated[float, Field(ge=0, le=1)] = 1.0
    company: Name = None
    url: Link = None


class NotUsable(ValueError):
    """A field's value says nothing; the message may be shown."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


@dataclass(frozen=True, slots=True)
class Drafted:
    """An event that has no id yet."""

    event: Event
    topic: TopicSpec
    key: str
    """The record's key: the account, as far as the hints tell it."""
    lane: Lane
    headers: tuple[tuple[str, bytes], ...]
    """Beside those of the envelope."""
    identity: UUID | None
    """Where the sender named it: what every repeat of it has in common."""


def activity(form: ActivityForm, source: str, now: datetime) -> Drafted:
    """The event of a form.

    :raises NotUsable: the only hint is none.
    """
    email, phone = normalise_email(form.email), normalise_phone(form.phone, None)
    _refuse("email", form.email, email, "is not an e-mail address")
    _refuse("phone", form.phone, phone, "is no telephone number; write it as +49 30 …")
    account = account_of(form.domain)
    _refuse("domain", form.domain, account, "is no company's domain")
    event = ActivityRecorded(
        activity=form.activity,
        occurred_at=believable(form.occurred_at, now),
        received_at=now,
        actor=form.actor,
        lane=activity_lane(form.activity),
        rep_id=form.rep_id,
        lead_id=form.lead_id,
        assignment_id=form.assignment_id,
        email=email.address if email else None,
        domain=account,
        phone=phone,
        visitor_id=line(form.visitor_id),
        source=form.source or source,
        external_id=form.external_id,
        page_url=line(form.page_url),
        page_kind=line(form.page_kind),
        detail=line(form.detail),
        amount=form.amount,
        reason=line(form.reason),
        answers=form.answers,
    )
    by_mail = account_key(email, _NOBODY)
    known = account or (by_mail if by_mail != _NO_ACCOUNT else None)
    identity = (
        deterministic_id("activity", event.source, form.external_id) if form.external_id else None
    )
    headers = ((HEADER, event.activity.value.encode()),)
    return Drafted(event, topics.ACTIVITIES, known or event.subject, event.lane, headers, identity)


def signal(form: SignalForm, source: str, now: datetime) -> Drafted:
    """The event of a form.

    :raises NotUsable: the domain is no company's.
    """
    account = account_of(form.domain)
    if account is None:
        raise NotUsable("domain", "is no company's domain")
    provider = form.provider or source
    at = believable(form.occurred_at, now)
    event = SignalDetected(
        signal=form.signal,
        domain=account,
        provider=provider,
        external_id=form.external_id or f"{form.signal}:{account}:{at:%Y-%m-%d}",
        occurred_at=at,
        received_at=now,
        detail=line(form.detail) or "",
        strength=form.strength,
        company=line(form.company),
        url=line(form.url),
    )
    return Drafted(event, topics.SIGNALS, account, event.lane, (), signal_id(event))


def _refuse(field: str, given: str | None, found: object, message: str) -> None:
    if given and found is None:
        raise NotUsable(field, message)
