"""Telling a retry of a delivery, a second press of the button and a returning person apart."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from schemas.base import deterministic_id
from schemas.lead import Repeat
from schemas.submission import KeyKind

LIFETIMES: Final = {
    KeyKind.VENDOR_ID: timedelta(days=30),
    KeyKind.IDEMPOTENCY_KEY: timedelta(days=30),
    KeyKind.BODY_HASH: timedelta(hours=24),
}
"""How long the same delivery key means the same delivery. A hash only as long as senders retry:
two people may well send the same words on two days."""

DOUBLE_SUBMIT: Final = timedelta(minutes=10)


class Delivery(StrEnum):
    """What a delivery key that was seen before means."""

    RETRY = "retry"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Delivered:
    """What is remembered of a delivery."""

    submission_id: UUID
    body_sha256: str


Key = tuple[str, str]
"""Source and delivery key."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that wants to be the first under its key."""

    source: str
    delivery_key: str
    delivered: Delivered
    received_at: datetime
    expires_at: datetime

    @property
    def key(self) -> Key:
        return self.source, self.delivery_key


@dataclass(frozen=True, slots=True)
class Press:
    """One press of a form's button by one person."""

    source: str
    form_id: str | None
    kind: str
    """Part of what makes a form: API clients send several kinds without any form id."""
    submitted_at: datetime


def submission_id(
    source: str, key: str, kind: KeyKind, body_sha256: str, received_at: datetime
) -> UUID:
    """The id of a submission: a retry is answered with the same one, another body gets another.

    A body hash is only an id for as long as it lives, so its day is part of it.
    """
    day = received_at.astimezone(UTC).date().isoformat() if kind is KeyKind.BODY_HASH else ""
    return deterministic_id("submission", source, key, body_sha256, day)


def compare(delivered: Delivered, body_sha256: str) -> Delivery:
    """What a second delivery under the same living key is."""
    return Delivery.RETRY if delivered.body_sha256 == body_sha256 else Delivery.CONFLICT


def repeat_of(press: Press, earlier: Iterable[Press], *, first: bool) -> Repeat:
    """How a submission relates to what the same person did before.

    :param first: whether it is the person's first submission at all.
    :param earlier: presses known of the person; order does not matter, late ones count as well.
    """
    if first:
        return Repeat.FIRST
    same = (press.source, press.form_id, press.kind)
    for one in earlier:
        apart = abs(press.submitted_at - one.submitted_at)
        if (one.source, one.form_id, one.kind) == same and apart <= DOUBLE_SUBMIT:
            return Repeat.DOUBLE_SUBMIT
    return Repeat.RETURNING
