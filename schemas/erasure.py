"""A person asked to be forgotten."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from schemas.activity import ActivityRecorded
from schemas.assignment import AssignmentChanged
from schemas.base import Event, Instant
from schemas.enrichment import LeadEnriched
from schemas.lead import LeadCaptured
from schemas.score import LeadScored
from schemas.touch import TouchDue


class LeadErased(Event):
    """Every service deletes its rows of the lead within 60 s. Key: lead id.

    What was received before ``erased_at`` and is about the lead is dropped from then on, replays
    included. What the person hands in later is a new hand-raise.
    """

    TYPE: ClassVar[str] = "com.handraise.lead.erased.v1"

    lead_id: UUID
    erased_at: Instant
    reason: str = ""
    """Why, in the operator's words; never anything about the person."""

    @property
    def subject(self) -> str:
        return str(self.lead_id)


def lead_of(event: Event) -> UUID | None:
    """The lead that an event is about by its id; None for what names nobody, or only otherwise."""
    match event:
        case LeadCaptured() | LeadEnriched() | LeadScored():
            return event.lead.lead_id
        case AssignmentChanged() | TouchDue() | ActivityRecorded():
            return event.lead_id
        case _:
            return None
