"""A lead with what is known about it."""

from __future__ import annotations

from typing import ClassVar

from schemas.base import Instant, Kind, PipelineEvent, Provenance
from schemas.lead import Lead, Repeat


class LeadEnriched(PipelineEvent):
    """Revision ``lead_revision`` of what is known. Key: ``lead.account_key``."""

    TYPE: ClassVar[str] = "com.handraise.lead.enriched.v1"

    source: str
    kind: Kind
    lead: Lead
    """The person's fields merged over all touches, the latest ``submitted_at`` winning."""
    repeat: Repeat
    touch: int
    submitted_at: Instant
    lead_revision: int
    """Given under the lead's row lock; a lower one never overwrites a higher."""
    facts: dict[str, Provenance]
    """Derived and bought values by field name, e.g. ``email_class``, ``headcount``."""
    complete: bool
    """False where a wanted field is still missing at the deadline."""
    late: bool
    """True for a revision that later provider answers caused, after the submission's own."""

    @property
    def subject(self) -> str:
        return str(self.lead.lead_id)
