"""Whom an activity is about, from the little that its sender knows.

A website knows a visitor, a dialler a phone number, a CRM perhaps our own ids. Each consumer looks
the hints up in what it knows itself, the best first; the first that is known decides. Neither an
address nor a number is kept: both become the token under which capture knows them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from schemas.activity import ActivityRecorded
from schemas.base import deterministic_id
from schemas.signal import SignalDetected
from services.kernel.identity import (
    EmailClass,
    email_class,
    lead_id,
    normalise_email,
    personal_phone,
    registrable_domain,
)


class HintKind(StrEnum):
    """What a hint names, the surest first."""

    LEAD = "lead"
    ASSIGNMENT = "assignment"
    PERSON = "person"
    """The token of a mailbox or a phone: the lead id of a person first seen under it."""
    VISITOR = "visitor"
    ACCOUNT = "account"
    """A company: everybody there is meant."""


@dataclass(frozen=True, slots=True)
class Hint:
    """One way to find whom an activity is about."""

    kind: HintKind
    value: str
    """A UUID as text, a visitor's id, or an account key."""


def hints_of(event: ActivityRecorded, secret: bytes) -> tuple[Hint, ...]:
    """The hints of an activity, the best first; empty where nobody can be meant.

    :param secret: the installation's, under which people's tokens are made.
    """
    return tuple(_hints(event, secret))


def account_of(domain: str | None) -> str | None:
    """The account key of a company's domain; None where anybody can have a mailbox at it."""
    registered = registrable_domain(domain)
    if registered is None or email_class(registered) is not EmailClass.BUSINESS:
        return None
    return registered


def activity_id(event: ActivityRecorded, event_id: UUID) -> UUID:
    """By what repeats are recognised: the source's own id, where it gives one."""
    if event.external_id:
        return deterministic_id("activity", event.source, event.external_id)
    return event_id


def signal_id(event: SignalDetected) -> UUID:
    """By what repeats are recognised: the provider's own id."""
    return deterministic_id("signal", event.provider, event.external_id)


def _hints(event: ActivityRecorded, secret: bytes) -> Iterator[Hint]:
    if event.lead_id is not None:
        yield Hint(HintKind.LEAD, str(event.lead_id))
    if event.assignment_id is not None:
        yield Hint(HintKind.ASSIGNMENT, str(event.assignment_id))
    email = normalise_email(event.email)
    if email is not None:
        yield Hint(HintKind.PERSON, str(lead_id(secret, email, None, "", None)))
    phone = personal_phone(event.phone, None)
    if phone is not None:
        yield Hint(HintKind.PERSON, str(lead_id(secret, None, phone, "", None)))
    if event.visitor_id:
        yield Hint(HintKind.VISITOR, event.visitor_id)
    account = account_of(event.domain)
    if account is not None:
        yield Hint(HintKind.ACCOUNT, account)
