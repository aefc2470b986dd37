"""The next human touch that is due on a lead."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from schemas.base import Event, Instant


class TouchReason(StrEnum):
    """Why the rep hears of it."""

    REMINDER = "reminder"
    BREACH = "breach"
    CADENCE = "cadence"


class TouchDue(Event):
    """A rep should act on an assignment by ``due_at``. Key: account key."""

    TYPE: ClassVar[str] = "com.handraise.touch.due.v1"

    assignment_id: UUID
    lead_id: UUID
    account_key: str
    rep_id: str
    due_at: Instant
    reason: TouchReason

    @property
    def subject(self) -> str:
        return str(self.lead_id)
