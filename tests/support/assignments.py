"""AssignmentChanged as routing would publish it, for those who follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from schemas.assignment import AssignmentChanged, AssignmentStatus, LeadBlock, Rep
from schemas.base import ChannelName, KindName, Lane, Motion, RoleName, TierName, deterministic_id
from schemas.score import Score

S = AssignmentStatus


@dataclass
class LeadLife:
    """The events of one lead in their order; each has the next sequence."""

    tier: TierName = TierName.HOT
    pool: str = "desk"
    lead_id: UUID = field(default_factory=uuid4)
    submission_id: UUID = field(default_factory=uuid4)
    received_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    email: str | None = None
    sequence: int = 0
    attempt: int = 0
    rep: str | None = None

    @property
    def assignment_id(self) -> UUID:
        return deterministic_id(self.lead_id, "sdr", 1, self.attempt)

    def given(self, rep: str, status: S = S.ASSIGNED, **fields: Any) -> AssignmentChanged:
        """The next attempt, given to ``rep``."""
        self.attempt += 1
        self.rep = rep
        return self.event(status, **fields)

    def over(self, status: S = S.EXPIRED, **fields: Any) -> AssignmentChanged:
        """The attempt ends."""
        return self.event(status, **fields)

    def accepted(self, **fields: Any) -> AssignmentChanged:
        return self.event(S.ACCEPTED, **fields)

    def held(self) -> AssignmentChanged:
        """The next attempt waits."""
        self.attempt += 1
        self.rep = None
        return self.event(S.HELD)

    def placed(self, rep: str, status: S = S.REASSIGNED) -> AssignmentChanged:
        """What was held goes to ``rep``, under its own id."""
        self.rep = rep
        return self.event(status)

    def again(self, ago: timedelta = timedelta(), **fields: Any) -> AssignmentChanged:
        """The person asks again, of the same owner."""
        self.submission_id, self.received_at = uuid4(), datetime.now(UTC) - ago
        return self.event(S.RE_ENGAGED, **fields)

    def event(self, status: S, **fields: Any) -> AssignmentChanged:
        self.sequence += 1
        rep = None
        if self.rep is not None:
            rep = Rep(id=self.rep, name=self.rep.title(), email=f"{self.rep}@desk.example")
        values: dict[str, Any] = {
            "submission_id": self.submission_id,
            "causation_id": None,
            "received_at": self.received_at,
            "lane": Lane.LIVE,
            "motion": Motion.INBOUND,
            "channel": ChannelName.DIRECT,
            "assignment_id": self.assignment_id,
            "lead_id": self.lead_id,
            "account_key": f"{self.lead_id.hex[:8]}.example",
            "role": RoleName.SDR,
            "cycle": 1,
            "attempt": self.attempt,
            "sequence": self.sequence,
            "status": status,
            "rep": rep,
            "pool": self.pool,
            "reason": "as a test wants it",
            "rule_path": "routing.yaml#/rules/0",
            "config_version": "0" * 12,
            "tier": self.tier,
            "score": Score(fit=0, intent=0, total=0),
            "kind": KindName.DEMO_REQUEST,
            "source": "website",
            "decided_at": datetime.now(UTC),
            "lead": LeadBlock(email=self.email),
            **fields,
        }
        return AssignmentChanged(**values)


def of_all(lives: Sequence[LeadLife], rep: str) -> list[AssignmentChanged]:
    """Each of these leads goes to ``rep``."""
    return [life.given(rep) for life in lives]
