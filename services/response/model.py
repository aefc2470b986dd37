"""What response keeps of a lead: who has it, since when somebody waits, which clocks run.

Pure values. A *raise* is one hand-raise: somebody asked, and waits until the first human touch. A
*clock* is one step of one raise; it runs until it fires or is stopped, and never moves.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from schemas.assignment import AssignmentStatus
from schemas.base import ChannelName, KindName, Motion, RoleName, TierName, deterministic_id
from schemas.touch import TouchDue


class Kind(StrEnum):
    """What a clock leads to."""

    ACCEPTANCE = "acceptance"
    REMINDER = "reminder"
    BREACH = "breach"
    ESCALATION = "escalation"
    MEASURE = "measure"
    """The five minutes of a hot lead: nothing happens, it is counted."""


TAKING = frozenset({Kind.ACCEPTANCE, Kind.BREACH, Kind.ESCALATION})
"""Clocks that take the lead from its rep: suspended while the touch feed is stale."""

RANK = {
    Kind.MEASURE: 0, Kind.REMINDER: 1, Kind.ESCALATION: 2, Kind.BREACH: 3, Kind.ACCEPTANCE: 4,
}  # fmt: skip
"""Which of several clocks that are due at the same instant fires first."""


class Phase(StrEnum):
    """Where a raise stands."""

    NOBODY = "nobody"
    """No rep has the lead: it is held, nurtured or closed."""
    QUEUED = "queued"
    """A lead of the night: its clocks start at opening, or when its turn comes then."""
    RUNNING = "running"
    """A rep has it, and nobody touched it yet."""
    ASKED = "asked"
    """Its time was up: routing was asked to give it to somebody else."""
    TOUCHED = "touched"
    ESCALATED = "escalated"
    """Neither reps nor the manager answered; the team was told, and nothing follows."""


WAITING = frozenset({Phase.QUEUED, Phase.RUNNING, Phase.ASKED})


@dataclass(frozen=True, slots=True)
class Lead:
    """One lead for one role, as the newest assignment and the touches leave it."""

    lead_id: UUID
    role: RoleName
    account_key: str
    sequence: int
    assignment_id: UUID
    cycle: int
    attempt: int
    status: AssignmentStatus
    rep_id: str | None
    pool: str | None
    tier: TierName
    kind: KindName
    channel: ChannelName
    motion: Motion
    raise_id: UUID
    """Of the submission that is waited for; of the attempt where nothing was submitted."""
    raised_at: datetime
    """When the submission reached us: speed to lead counts from here."""
    phase: Phase
    given_at: datetime | None = None
    """When the rep got it: the rep's clocks count from here."""
    opens_at: datetime | None = None
    """For a lead of the night: when its clocks may start."""
    accepted_at: datetime | None = None
    touched_at: datetime | None = None
    measured: bool = False
    """Its five minutes are over and counted, or it has none."""
    hops: int = 0
    """How often the raise went on to somebody else after a breach."""
    escalates_at: datetime | None = None
    """When the manager gets it, whoever has it then."""
    escalated: bool = False
    """The manager was asked for."""
    config_version: str = ""
    """Whose policy and calendars the clocks were computed with."""

    @property
    def key(self) -> tuple[UUID, str]:
        return self.lead_id, self.role.value


@dataclass(frozen=True, slots=True)
class Clock:
    """One step to come."""

    clock_id: UUID
    lead_id: UUID
    role: RoleName
    assignment_id: UUID
    kind: Kind
    started_at: datetime
    due_at: datetime
    config_version: str
    try_at: datetime | None = None
    """Later than ``due_at`` once the clock was suspended."""

    @property
    def rank(self) -> tuple[datetime, int]:
        return self.due_at, RANK[self.kind]


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of the lead's story."""

    at: datetime
    what: str
    text: str
    assignment_id: UUID
    rep_id: str | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """A request to routing."""

    action: str
    """``reassign`` or ``escalate``."""
    reason: str
    expected: AssignmentStatus | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """Something for the metrics, once, after the commit."""

    what: str
    """``touched``, ``accepted``, ``breach``, ``hop``, ``five_minutes``, ``reminder`` …"""
    label: str
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of a lead; the caller stores it and publishes what it asks for."""

    lead: Lead
    start: tuple[Clock, ...] = ()
    stop: frozenset[Kind] = frozenset()
    """Running clocks of these kinds stop, before the new ones start."""
    story: tuple[Happening, ...] = ()
    asks: tuple[Ask, ...] = ()
    due: tuple[TouchDue, ...] = ()
    measured: tuple[Measured, ...] = field(default=())

    def then(self, later: Change) -> Change:
        """This, and what follows from it."""
        start: dict[Kind, Clock] = {}
        for one in (*(mine for mine in self.start if mine.kind not in later.stop), *later.start):
            known = start.get(one.kind)
            start[one.kind] = one if known is None or one.due_at < known.due_at else known
        return replace(
            later,
            start=tuple(start.values()),
            stop=self.stop | later.stop,
            story=(*self.story, *later.story),
            asks=(*self.asks, *later.asks),
            due=(*self.due, *later.due),
            measured=(*self.measured, *later.measured),
        )


def clock(lead: Lead, kind: Kind, started_at: datetime, due_at: datetime) -> Clock:
    """A clock of the lead's raise; its id is the same whoever computes it."""
    return Clock(
        clock_id=deterministic_id(
            "clock", lead.assignment_id, lead.raise_id, kind.value, started_at.isoformat()
        ),
        lead_id=lead.lead_id,
        role=lead.role,
        assignment_id=lead.assignment_id,
        kind=kind,
        started_at=started_at,
        due_at=due_at,
        config_version=lead.config_version,
    )
