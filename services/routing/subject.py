"""One lead that is to be placed, and what came of it. Pure values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from schemas.assignment import AssignmentStatus
from schemas.base import Motion, TierName
from services.routing.fairness import GivenTurn
from services.routing.model import TIER_RANK
from services.routing.policy import Target


class How(StrEnum):
    """By which way a lead came where it is."""

    OWNER = "owner"
    BACKUP = "backup"
    """To whoever stands in for the owner."""
    WAITS = "waits_for_owner"
    TURN = "turn"
    OVERFLOW = "overflow"
    CATCH_ALL = "catch_all"
    """Held for as long as its tier may be."""
    ANYWAY = "anyway"
    """To somebody who is off or full."""
    BY_HAND = "by_hand"
    """To whom a person named."""
    KEPT = "kept"
    """To whoever had it in another role."""
    ESCALATED = "escalated"
    NOBODY_FREE = "nobody_free"
    BEHIND = "behind"
    """Others wait for the same pool and rank before."""
    NURTURE = "nurture"
    OFFERED = "offered"
    """The pool's members may claim it."""
    CLAIMED = "claimed"
    """By a member, from the list."""
    DIVERTED = "diverted"
    """It is no lead."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Who is to have a lead that came back, where somebody said so."""

    to: str | None = None
    """This person; nobody else is asked."""
    charge: bool = False
    """Whether it costs that person a turn."""
    escalate: bool = False
    """The manager is to have it."""
    claim: bool = False
    """That person takes it from the pool's list."""
    keep: bool = False
    """That person had it in another role; nobody had to say so."""
    anew: bool = False
    """Nobody refused it: once everybody of the pool had it, they may have it again."""
    pool: str | None = None
    """The pool that it moves to with that; None: it stays in its own."""

    def escalated(self) -> Wish:
        """It came back too often: the manager has it, unless a person was named."""
        return replace(self, escalate=True)


NO_WISH = Wish()


@dataclass(frozen=True, slots=True)
class Subject:
    """What a placement depends on, besides the board."""

    lead_id: UUID
    account_key: str
    assignment_id: UUID
    facts: Mapping[str, object]
    tier: TierName
    received_at: datetime
    excluded: tuple[str, ...] = ()
    """Past owners of this cycle, the last one last."""
    held_since: datetime | None = None
    pool: str | None = None
    """Stay in this pool instead of asking for owner and rules: a lead that came back."""
    wish: Wish = NO_WISH
    owned_before: str | None = None
    """Who had the lead in the cycle before, where that ended because nothing happened."""
    draining: bool = False
    """It is this lead's turn among those who wait."""

    @property
    def motion(self) -> Motion:
        """Who moved first: the buyer or we."""
        return Motion(str(self.facts.get("motion", Motion.INBOUND)))

    @property
    def rank(self) -> tuple[int, datetime, UUID]:
        return TIER_RANK[self.tier], self.received_at, self.assignment_id


@dataclass(frozen=True, slots=True)
class Placement:
    """The outcome."""

    status: AssignmentStatus
    """Assigned, held, nurtured, escalated, or closed as it is no lead."""
    how: How
    target: Target
    pool: str | None = None
    rep: str | None = None
    turn: GivenTurn | None = None
    held_until: datetime | None = None
    free: int = 0
    """Members who were free, of ``members``."""
    members: int = 0
    unfit: tuple[str, ...] = ()
    """Members whom the lead is nothing for; kept while it is held."""
    level: str | None = None
    """What made somebody the owner (:class:`services.routing.companies.Level`)."""
    cleared: tuple[str, ...] | None = None
    """Past owners who are still left out, where the others were cleared; None: nobody was."""
    owner: str | None = None
    """The owner that is waited or stood in for."""
    ahead: int = 0
    """Leads that wait in front."""
    record: dict[str, Any] = field(default_factory=dict)
    """How it was decided; see docs/architecture/routing.md."""

    @property
    def offered_until(self) -> datetime | None:
        """Until when it can be claimed."""
        return self.held_until if self.how is How.OFFERED else None

    @property
    def waits_for(self) -> str | None:
        """The person that it is held for."""
        return self.owner if self.how is How.WAITS else None
