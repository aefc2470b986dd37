"""What routing keeps of a lead: its attempts, who answers them, and what was decided.

Pure values. An *attempt* is one try to get a lead to a person: it is held, or a rep has it, or it
went to nurture, until it ends. The next try of the same hand-raise is a new attempt; after `closed`
the next submission starts a new cycle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import computed_field

from schemas.assignment import ACTIVE, AssignmentStatus, Diverted
from schemas.base import ChannelName, KindName, Lane, Motion, RoleName, TierName, deterministic_id
from schemas.score import LeadScored
from services.kernel.people import Window
from services.routing.fairness import GivenTurn

TIER_RANK = {TierName.HOT: 0, TierName.WARM: 1, TierName.NURTURE: 2}
"""Hot leads go first."""

OPEN = ACTIVE | {AssignmentStatus.HELD, AssignmentStatus.NURTURED}
"""Statuses of an attempt that is not over; a lead has at most one such attempt per role."""


class ClosedBy(StrEnum):
    """What ended a cycle."""

    WON = "won"
    LOST = "lost"
    DISQUALIFIED = "disqualified"
    RELEASED = "released"
    IDLE = "idle"
    """Nothing happened for so long that nobody works on it any more."""
    HANDED_OVER = "handed_over"
    """The next role has it."""
    ANEW = "anew"
    """Its owner had heard nothing of it for too long when the person came again."""
    DIVERTED = "diverted"
    """It was no lead."""
    MERGED = "merged"
    """The person is known as another lead, too, which stands for both."""
    ERASED = "erased"
    """The person is forgotten."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The submission that an attempt answers, or that a change is about."""

    submission_id: UUID | None
    causation_id: UUID | None
    received_at: datetime
    lane: Lane
    motion: Motion
    channel: ChannelName
    kind: KindName
    source: str

    @classmethod
    def of(cls, scored: LeadScored, cause: UUID | None) -> Origin:
        return cls(
            submission_id=scored.submission_id,
            causation_id=cause,
            received_at=scored.received_at,
            lane=scored.lane,
            motion=scored.motion,
            channel=scored.channel,
            kind=scored.kind,
            source=scored.source,
        )


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to get a lead to a person."""

    assignment_id: UUID
    lead_id: UUID
    account_key: str
    role: RoleName
    cycle: int
    attempt: int
    status: AssignmentStatus
    origin: Origin
    tier: TierName
    rep_id: str | None
    pool: str | None
    reason: str
    rule_path: str
    config_version: str
    decided_at: datetime
    """When it was opened."""
    changed_at: datetime
    touched_at: datetime
    """The last hand-raise that it answers; what "idle" counts from."""
    given_at: datetime | None = None
    """When the rep got it; what window caps count."""
    previous_rep_id: str | None = None
    excluded: tuple[str, ...] = ()
    """Past owners of this cycle, who do not get it again."""
    unfit: tuple[str, ...] = ()
    """While it is held: whom in its pool it is nothing for."""
    held_since: datetime | None = None
    held_until: datetime | None = None
    turn: GivenTurn | None = None
    waits_for: str | None = None
    """The owner for whom it is held; nobody queues behind it."""
    worked_at: datetime | None = None
    """When somebody last did something about it: a rep, or the buyer by answering."""
    closed_by: ClosedBy | None = None
    offered_until: datetime | None = None
    """While it is held: until then members may claim it; nobody queues behind it."""
    diverted: Diverted | None = None
    """What it is, where it was no lead."""
    qualified_at: datetime | None = None
    """When its rep qualified it."""
    experiments: Mapping[str, str] = field(default_factory=dict)
    """Experiment to the arm by which it was routed."""
    owner_class: str | None = None
    """What made its owner the owner: ``owner:<level>``, ``pool:<the rule's>``, ``nurture``."""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def received_at(self) -> datetime:
        """Of the submission; a column, like the next, by which who waits is found in order."""
        return self.origin.received_at

    @computed_field  # type: ignore[prop-decorator]
    @property
    def tier_rank(self) -> int:
        return TIER_RANK[self.tier]

    @property
    def is_active(self) -> bool:
        return self.status in ACTIVE

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    @property
    def unworked(self) -> bool:
        """Given to a rep who has not accepted it yet: what open-work caps count."""
        return self.is_active and self.status is not AssignmentStatus.ACCEPTED

    def held_on(
        self,
        pool: str | None,
        until: datetime | None,
        unfit: tuple[str, ...],
        waits_for: str | None = None,
        offered_until: datetime | None = None,
    ) -> Attempt:
        """Still waiting, perhaps for others."""
        held = replace(self, pool=pool, held_until=until, unfit=unfit, waits_for=waits_for)
        return replace(held, offered_until=offered_until)

    @property
    def queues(self) -> bool:
        """Whether others wait behind it: not where it waits for one person, or to be claimed."""
        held = self.status is AssignmentStatus.HELD
        return held and self.waits_for is None and self.offered_until is None

    @property
    def rank(self) -> tuple[int, datetime, UUID]:
        """Who waits goes by tier, then age."""
        return self.tier_rank, self.received_at, self.assignment_id


@dataclass(frozen=True, slots=True)
class LeadState:
    """What routing knows of one lead for one role."""

    lead_id: UUID
    account_key: str
    sequence: int = 0
    """Of the last AssignmentChanged; 0 before the first."""
    score_revision: int = 0
    """The highest seen; a lower one never overwrites it."""
    last: Attempt | None = None
    """The latest attempt, whatever its status."""
    scored: LeadScored | None = None
    """The score of ``score_revision``; loaded only where a decision may need it."""
    later: Attempt | None = None
    """Of the first role's leads: the active attempt of a later role, which answers for the lead."""
    activity: tuple[str, datetime] | None = None
    """The last thing that happened with the lead, and when."""
    merged_into: UUID | None = None
    """The lead that stands for it."""

    @property
    def open(self) -> Attempt | None:
        return self.last if self.last is not None and self.last.is_open else None

    def numbering(self) -> tuple[int, int]:
        """Cycle and attempt of the next attempt."""
        if self.last is None:
            return 1, 1
        if self.last.status is AssignmentStatus.CLOSED:
            return self.last.cycle + 1, 1
        return self.last.cycle, self.last.attempt + 1

    def advanced(self, attempt: Attempt) -> LeadState:
        """After one more event about ``attempt``."""
        return replace(self, sequence=self.sequence + 1, last=attempt)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A held lead, as far as others must queue behind it."""

    assignment_id: UUID
    tier: TierName
    received_at: datetime
    excluded: tuple[str, ...]

    @property
    def rank(self) -> tuple[int, datetime, UUID]:
        return TIER_RANK[self.tier], self.received_at, self.assignment_id


@dataclass(frozen=True, slots=True)
class Given:
    """Leads that a rep was given lately out of one pool and motion."""

    pool: str | None
    motion: Motion
    fixed: Mapping[Window, int]
    """By window of the person's own clock."""
    rolling: Mapping[Window, int]
    """By window that ends now."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a rep was given lately, and has not taken up yet."""

    given: tuple[Given, ...] = ()
    open: int = 0

    def count(
        self,
        window: Window,
        *,
        rolling: bool,
        pool: str | None = None,
        motion: Motion | None = None,
    ) -> int:
        """Leads of a window; of one pool or one motion only where that is given."""
        return sum(
            (one.rolling if rolling else one.fixed).get(window, 0)
            for one in self.given
            if (pool is None or one.pool == pool) and (motion is None or one.motion is motion)
        )

    def plus_one(self, pool: str | None, motion: Motion) -> Load:
        """After one more lead."""
        one = dict.fromkeys(Window, 1)
        return Load((*self.given, Given(pool, motion, one, one)), self.open + 1)


@dataclass(frozen=True, slots=True)
class Change:
    """One AssignmentChanged to be: what happened to an attempt, for whom and why."""

    attempt: Attempt
    status: AssignmentStatus
    """What the event says; ``re_engaged`` leaves the attempt's own status as it was."""
    sequence: int
    origin: Origin
    """Whose submission the event answers."""
    scored: LeadScored
    """The newest known of the lead."""
    reason: str
    at: datetime
    config_version: str
    end: str | None = None
    """How the submission ended, where this event is its end."""
    waited: timedelta | None = None
    """How long the lead was held, where this ends the hold."""
    record: Mapping[str, Any] | None = None
    """How it was decided, where something was decided."""
    merged_into: UUID | None = None
    """The lead that stands for this one from now on."""


def assignment_id(lead_id: UUID, role: RoleName, cycle: int, attempt: int) -> UUID:
    """The id of an attempt; the same for ever."""
    return deterministic_id(lead_id, role.value, cycle, attempt)
