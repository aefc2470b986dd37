"""Buying signals about accounts."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import Field

from schemas.base import Event, Instant, Lane, open_vocabulary


class SignalName(StrEnum):
    """What was seen; a reader takes an unknown one as ``other``."""

    FUNDING = "funding"
    EXECUTIVE_HIRE = "executive_hire"
    JOB_OPENINGS = "job_openings"
    TECHNOLOGY_CHANGE = "technology_change"
    TRAFFIC = "traffic"
    NEW_MARKET = "new_market"
    REVIEW_SITE_INTENT = "review_site_intent"
    OTHER = "other"


class SignalDetected(Event):
    """A provider saw something about a company. Key: account key (its registrable domain)."""

    TYPE: ClassVar[str] = "com.handraise.signal.detected.v1"

    signal: Annotated[SignalName, open_vocabulary("other", SignalName)]
    domain: str
    provider: str
    external_id: str
    """The provider's id of the signal; repeats of it count once."""
    occurred_at: Instant
    received_at: Instant
    detail: str = ""
    strength: Annotated[float, Field(ge=0, le=1)] = 1.0
    """How sure or strong the provider says it is, 0 to 1; scales what the signal is worth."""
    company: str | None = None
    """The company's name, where the provider gives it; for a lead that is made of the account."""
    url: str | None = None
    """Where a person can read it."""
    lane: Lane = Lane.BULK
    submission_id: UUID | None = None

    @property
    def subject(self) -> str:
        return self.domain
