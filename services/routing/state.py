"""What a deciding transaction reads before it decides. Pure values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from schemas.score import LeadScored
from services.kernel.people import Overlay
from services.routing.ahead import Ahead
from services.routing.fairness import Turns
from services.routing.fields import Standing
from services.routing.matching import Match
from services.routing.model import LeadState, Load, Waiting

TurnKey = tuple[str, str]
"""Pool and tier group."""


class NeedsPools(Exception):
    """The decision reached pools that are not locked: lock them too, and decide again."""

    def __init__(self, pools: frozenset[str]) -> None:
        super().__init__(", ".join(sorted(pools)))
        self.pools = pools


class NeedsLeads(Exception):
    """The decision is about leads that were not loaded: lock and load them, and decide again."""

    def __init__(self, leads: frozenset[UUID]) -> None:
        super().__init__(", ".join(map(str, sorted(leads))))
        self.leads = leads


@dataclass(frozen=True, slots=True)
class Colleague:
    """An active attempt for somebody at the same account."""

    lead_id: UUID
    rep_id: str
    pool: str | None
    since: datetime


@dataclass(slots=True)
class Tape:
    """What one decision read of the board, so that it can be repeated from its record.

    Turns stand in the record itself, with the arithmetic of the choice; what operators changed by
    command is stored once for all decisions that saw it (:meth:`Board.overlays_key`).
    """

    loads: dict[str, Load] = field(default_factory=dict)
    """As they were when first read."""
    waiting: dict[str, list[Waiting]] = field(default_factory=dict)
    """By pool; who was looked at."""
    colleagues: list[Colleague] = field(default_factory=list)


@dataclass(slots=True)
class Loaded:
    """What the store found under the locks."""

    leads: dict[UUID, LeadState] = field(default_factory=dict)
    colleagues: dict[str, dict[UUID, Colleague]] = field(default_factory=dict)
    turns: dict[TurnKey, Turns] = field(default_factory=dict)
    loads: dict[str, Load] = field(default_factory=dict)
    """Of the reps who have caps."""
    returned: dict[str, int] = field(default_factory=dict)
    """Turns that were given back to a rep today."""
    overlays: dict[str, Overlay] = field(default_factory=dict)
    """What operators changed by command."""
    waiting: dict[str, list[Waiting]] = field(default_factory=dict)
    """The first held leads of each pool, in rank order."""
    matches: dict[UUID, Match] = field(default_factory=dict)
    """The account of each lead."""
    ahead: dict[UUID, Ahead] = field(default_factory=dict)
    """What the rules say of a lead of whom no activity is known."""
    standing: dict[UUID, Standing] = field(default_factory=dict)
    """What rules may ask of each lead, as of the event that was asked for last."""

    def ahead_of(self, event: LeadScored) -> Ahead | None:
        """What the rules say of a lead, where that was worked out for what is known of it now."""
        known, ahead = self.leads.get(event.lead.lead_id), self.ahead.get(event.lead.lead_id)
        if ahead is None or ahead.event is not event:
            return None
        return ahead if known is None or known.activity is None else None
