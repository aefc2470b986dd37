"""A person asked to be forgotten."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from schemas.base import Event, Instant


class LeadErased(Event):
    """Every service deletes its rows of the lead within 60 s. Key: lead id."""

    TYPE: ClassVar[str] = "com.handraise.lead.erased.v1"

    lead_id: UUID
    erased_at: Instant

    @property
    def subject(self) -> str:
        return str(self.lead_id)
