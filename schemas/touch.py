"""The next human touch that is due on a lead."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import Field

from schemas.base import Event, Instant, TierName, open_vocabulary
from schemas.signal import SignalName


class TouchReason(StrEnum):
    """Why the rep hears of it."""

    REMINDER = "reminder"
    BREACH = "breach"
    CADENCE = "cadence"


class Audience(StrEnum):
    """Who is to hear of it; a reader takes an unknown one as the rep."""

    REP = "rep"
    MANAGER = "manager"
    """``rep_id`` is the manager, who has the lead now."""
    TEAM = "team"
    """The channel of the pool: neither the reps nor the manager answered."""


class TouchMeans(StrEnum):
    """How to reach the person; a reader takes an unknown one as ``other``: whatever is best."""

    CALL = "call"
    EMAIL = "email"
    LINKEDIN = "linkedin"
    OTHER = "other"


class TouchDue(Event):
    """A rep should act on an assignment by ``due_at``. Key: account key."""

    TYPE: ClassVar[str] = "com.handraise.touch.due.v1"

    assignment_id: UUID
    lead_id: UUID
    account_key: str
    rep_id: str
    due_at: Instant
    reason: TouchReason
    audience: Annotated[Audience, open_vocabulary("rep", Audience)] = Audience.REP
    pool: str | None = None
    """Whose channel is meant where the audience is the team."""
    tier: TierName | None = None
    means: Annotated[TouchMeans, open_vocabulary("other", TouchMeans)] = TouchMeans.OTHER
    """For a cadence: call, e-mail or LinkedIn."""
    step: Annotated[int, Field(ge=1)] | None = None
    """For a cadence: which touch of the plan this is."""
    plan: str | None = None
    """For a cadence: the name of its plan in ``response.yaml``."""
    ended: str | None = None
    """For a cadence: why its plan is over. Then nothing is due, and whoever goes on by the plan on
    their own (a sequence of a sales tool) stops."""
    signal: Annotated[SignalName, open_vocabulary("other", SignalName)] | None = None
    """What was seen about the company, where that is why the rep, or the manager of the rep
    (``audience``), hears of it: news, nothing that runs out."""
    note: str = ""
    """One sentence for a person."""

    @property
    def subject(self) -> str:
        return str(self.lead_id)
