"""The next revision of a lead: its picture after a touch or an answer, as the event to publish."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from schemas.base import Provenance, deterministic_id, event_id
from schemas.enrichment import LeadEnriched
from schemas.lead import Lead, LeadCaptured
from services.enrichment.merge import (
    Bought,
    Registers,
    combine,
    merge,
    newer,
    person,
    registers,
)
from services.enrichment.offline import derive, with_clock

STAGE = "enrichment"


@dataclass(frozen=True, slots=True)
class LeadState:
    """What is stored of a lead."""

    lead_id: UUID
    revision: int
    registers: Registers
    bought: Bought
    """Answers of providers, and what the company's own table says."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A lead as one of its touches shows it, at one moment."""

    lead: Lead
    facts: Mapping[str, Provenance]


@dataclass(frozen=True, slots=True)
class Revision:
    """A revision to store and to publish."""

    event_id: UUID
    event: LeadEnriched
    at: datetime
    missing: frozenset[str]


def unknown(lead_id: UUID) -> LeadState:
    """A lead of which nothing is stored."""
    return LeadState(lead_id, 0, {}, {})


def touched(state: LeadState, event: LeadCaptured, input_id: UUID) -> LeadState:
    """The state after one touch; the same whatever the order of touches."""
    return replace(state, registers=merge(state.registers, registers(event, input_id)))


def answered(state: LeadState, values: Mapping[str, Provenance]) -> LeadState:
    """The state after a provider's answer."""
    return replace(state, bought=newer(state.bought, values.items())) if values else state


def picture(state: LeadState, event: LeadCaptured, at: datetime) -> Picture:
    """What is known, seen from one touch."""
    lead = person(state.registers, event.lead)
    facts = combine(derive(lead, at), state.bought)
    return Picture(lead, with_clock(facts, at) if state.bought else facts)


def revise(
    state: LeadState,
    event: LeadCaptured,
    input_id: UUID,
    view: Picture,
    *,
    at: datetime,
    missing: frozenset[str] = frozenset(),
    late: bool = False,
) -> tuple[LeadState, Revision]:
    """Give the next revision number. Only under the lead's row lock.

    :param input_id: of the LeadCaptured; its one revision with ``late=False`` descends from it.
    :param missing: wanted fields that are still unknown.
    """
    number = state.revision + 1
    enriched = LeadEnriched(
        submission_id=event.submission_id,
        causation_id=input_id,
        received_at=event.received_at,
        lane=event.lane,
        motion=event.motion,
        channel=event.channel,
        source=event.source,
        kind=event.kind,
        lead=view.lead,
        repeat=event.repeat,
        touch=event.touch,
        submitted_at=event.submitted_at,
        lead_revision=number,
        facts=dict(view.facts),
        complete=not missing,
        late=late,
    )
    identity = (
        deterministic_id(state.lead_id, "enriched", number)
        if late
        else event_id(input_id, STAGE, state.lead_id, 0)
    )
    return replace(state, revision=number), Revision(identity, enriched, at, missing)
