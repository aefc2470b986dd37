"""A lead with its worth, and every line that adds up to it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar
from uuid import UUID

from schemas.activity import ActivityName, Actor
from schemas.base import (
    Instant,
    Kind,
    Model,
    PipelineEvent,
    Provenance,
    TierName,
    open_vocabulary,
)
from schemas.lead import Lead, Repeat
from schemas.qualification import Qualification
from schemas.signal import SignalName


class Dimension(StrEnum):
    """Who they are (fit) and what they do (intent)."""

    FIT = "fit"
    INTENT = "intent"


class LedgerLine(Model):
    """One reason for points. The lines of a dimension add up to its score."""

    rule: str
    dimension: Dimension
    group: str
    points: int
    """Hundredths of a point, after caps and decay."""
    event: UUID | None = None
    """The event that earned the points; null for a property of the lead."""
    expires_at: Instant | None = None


class Score(Model):
    """Hundredths of a point."""

    fit: int
    intent: int
    total: int


class ActiveSignal(Model):
    """A signal about the lead's account that is still worth something."""

    signal: Annotated[SignalName, open_vocabulary("other", SignalName)]
    at: Instant
    provider: str
    detail: str = ""
    url: str | None = None
    points: int
    """Hundredths that are left of it."""
    tell: tuple[str, ...] = ()
    """Who is to hear of it: ``owner``, ``manager``."""


class RecentActivity(Model):
    """One of the last things that the person did."""

    activity: Annotated[ActivityName, open_vocabulary("other", ActivityName)]
    at: Instant
    page_kind: str | None = None
    page_url: str | None = None
    detail: str | None = None


class CountedActivity(Model):
    """An activity as rules count it; nothing that says who did it."""

    kind: Annotated[ActivityName, open_vocabulary("other", ActivityName)]
    at: Instant
    actor: Annotated[Actor, open_vocabulary("automation", Actor)] = Actor.HUMAN
    source: str = ""
    page_kind: str | None = None
    amount: float | None = None


class LeadScored(PipelineEvent):
    """Revision ``score_revision`` of a lead's score. Key: ``lead.account_key``."""

    TYPE: ClassVar[str] = "com.handraise.lead.scored.v1"

    source: str
    kind: Kind
    lead: Lead
    repeat: Repeat
    touch: int
    submitted_at: Instant
    lead_revision: int
    facts: dict[str, Provenance]
    late: bool
    score_revision: int
    score: Score
    tier: TierName
    mql: bool
    """True where fit and intent reach the marketing-qualified bands."""
    ledger: tuple[LedgerLine, ...]
    scoring_version: str
    """Configuration version that scored."""
    signals: tuple[ActiveSignal, ...] = ()
    """Those that count now, the newest first."""
    recent: tuple[RecentActivity, ...] = ()
    """The last activities, the newest first."""
    happened: tuple[CountedActivity, ...] | None = None
    """The newest activities, the newest first, for rules that count; at most 100. Null: not
    known."""
    qualification: Qualification | None = None
    """Null where the configuration defines none."""

    @property
    def subject(self) -> str:
        return str(self.lead.lead_id)
