"""Buying signals about accounts."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar

from schemas.base import Event, Instant, open_vocabulary


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

    @property
    def subject(self) -> str:
        return self.domain
