"""What happened around a lead besides its submissions, as a score reads it. Pure values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from schemas.activity import ActivityName, Actor
from schemas.qualification import Answers
from schemas.signal import SignalName


@dataclass(frozen=True, slots=True)
class Happened:
    """One activity of a person, or of anybody at the account."""

    event: UUID
    """By what repeats of it are recognised."""
    activity: ActivityName
    actor: Actor
    at: datetime
    received_at: datetime
    source: str = ""
    page_kind: str | None = None
    page_url: str | None = None
    detail: str | None = None
    amount: float | None = None
    reason: str | None = None
    answers: Answers | None = None
    """What a rep learned."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One signal about the account."""

    event: UUID
    signal: SignalName
    provider: str
    strength: float
    """0 to 1."""
    at: datetime
    received_at: datetime
    detail: str = ""
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Around:
    """All that happened around one lead."""

    activities: tuple[Happened, ...] = ()
    signals: tuple[Seen, ...] = ()

    @property
    def received_at(self) -> datetime | None:
        """When we learned of the newest of it."""
        received = [one.received_at for one in self.activities]
        received += [one.received_at for one in self.signals]
        return max(received, default=None)

    def until(self, moment: datetime) -> Around:
        """What we had learned of by then."""
        return Around(
            tuple(one for one in self.activities if one.received_at <= moment),
            tuple(one for one in self.signals if one.received_at <= moment),
        )


NOTHING = Around()


def countable(activities: Iterable[Happened]) -> list[dict[str, object]]:
    """The activities as conditions count them, each once."""
    return [
        {
            "kind": one.activity.value,
            "at": one.at.timestamp(),
            "actor": one.actor.value,
            "source": one.source,
            "page_kind": one.page_kind,
            "page_url": one.page_url,
            "detail": one.detail,
            "amount": one.amount,
        }
        for one in {one.event: one for one in activities}.values()
    ]
