"""What the rules say of leads before anything is known of their past. Pure.

Most submissions are of people of whom nothing happened yet. What the rules say of those depends on
the event and the time alone, so it is worked out while Postgres looks for their past.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from schemas.score import LeadScored
from services.kernel.conditions import NotedFacts
from services.routing.fields import Standing, recorded
from services.routing.policy import Routed, RuleSet


@dataclass(frozen=True, slots=True)
class Ruled:
    """What the rules say of a lead."""

    routed: Routed
    features: dict[str, object]
    """Of what they were asked with, that which may be stored."""


def ruled(rules: RuleSet, facts: Mapping[str, object]) -> Ruled:
    """Ask them."""
    return Ruled(rules.first_match(facts), recorded(facts))


@dataclass(frozen=True, slots=True)
class Ahead:
    """Holds where no activity of the lead is known."""

    event: LeadScored
    facts: NotedFacts
    ruled: Ruled
    kept: str
    """As :func:`kept`."""


def kept(event: LeadScored) -> str:
    """The score as routing keeps it: without its ledger, which is scoring's to keep, and by which
    nothing is decided here."""
    less = event.model_copy(update={"ledger": ()}) if event.ledger else event
    return less.encode().decode()


def look_ahead(
    rules: RuleSet, standing: Mapping[UUID, Standing], now: datetime
) -> dict[UUID, Ahead]:
    """What becomes of each lead by the rules, decided at ``now``."""
    found: dict[UUID, Ahead] = {}
    for lead_id, one in standing.items():
        facts = NotedFacts(one.at(now))
        found[lead_id] = Ahead(one.event, facts, ruled(rules, facts), kept(one.event))
    return found
