"""What is delivered, and what can come of an attempt. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from schemas.assignment import AssignmentChanged
from schemas.base import RoleName
from schemas.touch import TouchDue


class State(StrEnum):
    """Where a delivery stands."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    SKIPPED = "skipped"
    """Not needed any more, or not allowed; ``reason`` says which."""
    DEAD = "dead"
    """Given up; its event is kept, ``handraise deliver retry`` tries again."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event for one sink, leased by a worker. ``event`` is the lead's latest change where it is
    about a touch."""

    delivery_id: UUID
    sink: str
    event: AssignmentChanged
    attempt: int
    """1 for the first."""
    created_at: datetime
    touch: TouchDue | None = None
    """What is due on the lead, where this is a reminder and not a change."""
    farewell: bool = False
    """The person is forgotten: the last that the sink hears of the lead."""
    place: str | None = None
    """Of a farewell, where the message lies that is to be changed."""


@dataclass(frozen=True, slots=True)
class Current:
    """The latest that is known of a lead in a role."""

    lead_id: UUID
    role: RoleName
    sequence: int
    assignment_id: UUID
    status: str
    active: bool
    rep_id: str | None
    rep_name: str | None


@dataclass(frozen=True, slots=True)
class Colleague:
    """Another person of the same account, whom a rep talks to."""

    person: str
    rep_name: str


# -- what can come of an attempt ------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Delivered:
    """The sink has it."""

    ref: str | None = None
    """What the sink calls it."""
    place: str | None = None
    """Where it can be changed later."""
    reason: str | None = None
    """Of a sink that had nothing to do, why."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """There is nothing to deliver here."""

    reason: str


@dataclass(frozen=True, slots=True)
class Again:
    """It failed in a way that may pass."""

    reason: str
    after_s: float | None = None
    """What the sink asked for; None: by the schedule."""


@dataclass(frozen=True, slots=True)
class Later:
    """Nothing was tried: others go to the same place before it."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Refused:
    """The sink will never take it: it is given up at once."""

    reason: str


@dataclass(frozen=True, slots=True)
class Disabled:
    """The sink is gone or its key is wrong: nothing more is sent until somebody mends it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Owned:
    """Somebody chose another owner there; it stays, and routing is asked to follow."""

    owner_id: str
    """As the sink calls the owner."""
    system: str
    """Name of the external ids that this is one of."""
    reason: str = "owner_changed_there"


Outcome = Owned | Delivered | Skipped | Again | Refused | Disabled
