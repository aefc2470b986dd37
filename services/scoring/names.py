"""By what a lead is recognised, and whom an activity is about. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from schemas.lead import Lead
from services.kernel.hints import Hint, HintKind
from services.kernel.identity import lead_id, normalise_email


@dataclass(frozen=True, slots=True)
class Name:
    """An identifier that stands for a lead."""

    token: UUID
    lead_id: UUID | None
    """None: two people share it, and it names neither."""
    personal: bool = True
    """False for what two people may share."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody identified in a browser."""

    visitor_id: str
    lead_id: UUID
    at: datetime


@dataclass(frozen=True, slots=True)
class Meant:
    """Whom an activity is about: a lead, everybody at an account, or somebody who is waited for."""

    lead_id: UUID | None = None
    account_key: str | None = None
    waits_for: UUID | None = None
    visitor_id: str | None = None


def names_of(lead: Lead, secret: bytes) -> Iterator[Name]:
    """The identifiers of a lead: its own id, its mailbox and its phone.

    :param secret: the installation's, under which tokens are made.
    """
    yield Name(lead.lead_id, lead.lead_id)
    email = normalise_email(lead.email)
    if email is not None:
        yield Name(lead_id(secret, email, None, "", None), lead.lead_id)
    if lead.phone:
        # Already E.164. A switchboard stands here as well, but no hint is ever made of one.
        token = lead_id(secret, None, lead.phone, "", None)
        yield Name(token, lead.lead_id, personal=token == lead.lead_id)


def tokens_of(hints: Sequence[Hint]) -> Iterator[UUID]:
    """What the hints name directly."""
    for hint in hints:
        if hint.kind in (HintKind.LEAD, HintKind.ASSIGNMENT, HintKind.PERSON):
            yield UUID(hint.value)


def visitor_of(hints: Sequence[Hint]) -> str | None:
    """The browser that the hints name."""
    return next((hint.value for hint in hints if hint.kind is HintKind.VISITOR), None)


def meant(
    hints: Sequence[Hint], people: Mapping[UUID, UUID], visitors: Mapping[str, UUID]
) -> Meant:
    """Whom an activity is about. The first hint that is known decides.

    A company stands for whoever is meant only where nobody there was named.
    """
    visitor = visitor_of(hints)
    tokens = list(tokens_of(hints))
    for token in tokens:
        if token in people:
            return Meant(lead_id=people[token], visitor_id=visitor)
    if visitor is not None and visitor in visitors:
        return Meant(lead_id=visitors[visitor], visitor_id=visitor)
    if tokens or visitor is not None:
        return Meant(waits_for=tokens[0] if tokens else None, visitor_id=visitor)
    account = next((hint.value for hint in hints if hint.kind is HintKind.ACCOUNT), None)
    return Meant(account_key=account)
