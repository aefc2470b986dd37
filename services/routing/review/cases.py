"""A lead on its simulated way, and what came of a simulation. Pure values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from schemas.base import Motion
from services.routing.fairness import GivenTurn
from services.routing.model import TIER_RANK, Waiting
from services.routing.review.traffic import Arrival, Key, Known, Outcome

HAS = frozenset({"assigned", "accepted"})
"""Statuses of a case that somebody has."""


@dataclass(slots=True)
class Case:
    """The latest attempt for a lead."""

    key: Key
    assignment_id: UUID
    known: Known
    status: str
    rep: str | None = None
    pool: str | None = None
    since: datetime | None = None
    """When the rep got it."""
    touched_at: datetime | None = None
    taken_up: bool = False
    """Accepted by the rep."""
    turn: GivenTurn | None = None
    excluded: tuple[str, ...] = ()
    attempt: int = 1
    held_since: datetime | None = None
    again: datetime | None = None
    """While it is held: when it is looked at next."""
    asleep: datetime | None = None
    """Since when no look could help."""
    waiting: Waiting | None = None
    outcome: Outcome | None = None
    own: bool = True
    """What is known is of the submission that opened it."""

    @property
    def rank(self) -> tuple[int, datetime, UUID]:
        """Who waits goes by tier, then age."""
        known = self.known
        return TIER_RANK[known.tier], known.received_at, self.assignment_id

    @property
    def motion(self) -> Motion:
        return Motion(str(self.known.features.get("motion", Motion.INBOUND)))


@dataclass(frozen=True, slots=True)
class Result:
    """A submission, and what became of it."""

    arrival: Arrival
    simulated: Outcome


@dataclass(frozen=True, slots=True)
class Simulated:
    """The course of a simulation."""

    version: str
    results: tuple[Result, ...]
    unanswered: int
    """Conditions about personal fields that were never asked before: taken as unknown."""
    ignored: int
    """Rejections by a rep who does not have the lead here."""
