"""The books of an outside observer: what was accepted, and the one end of each submission.

Reads nothing but the public topics, as any SDR tool could, so that it proves what it says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from schemas.assignment import AssignmentChanged, AssignmentStatus
from schemas.submission import SubmissionQuarantined

ENDS = (
    "assigned", "held", "nurtured", "merged", "diverted", "quarantined", "rejected",
    "dead_lettered",
)  # fmt: skip

_FIRST_ENDS = {
    AssignmentStatus.ASSIGNED: "assigned",
    AssignmentStatus.HELD: "held",
    AssignmentStatus.NURTURED: "nurtured",
}


_WAITING = (AssignmentStatus.HELD, AssignmentStatus.NURTURED)

# What somebody let go on (a release, a replay) ends where it went.
_RANK = {"dead_lettered": 0, "rejected": 1, "quarantined": 1}


@dataclass(frozen=True, slots=True)
class _First:
    """The first change of an assignment that a submission brought about."""

    sequence: int
    seen_at: float
    event: AssignmentChanged


@dataclass(slots=True)
class Books:
    """Feed it answers and records in any order, each any number of times; ask for the balance."""

    accepted: set[UUID] = field(default_factory=set)
    duplicates: int = 0
    _firsts: dict[UUID, _First] = field(default_factory=dict)
    _aside: dict[UUID, str] = field(default_factory=dict)
    """Quarantined, rejected, dead-lettered."""
    _attempts: dict[UUID, dict[int, AssignmentStatus]] = field(default_factory=dict)
    """Assignment id -> its status at each sequence that was seen."""

    def answered(self, submission_id: UUID, status: str) -> None:
        """An answer with 200."""
        if status == "duplicate" or submission_id in self.accepted:
            self.duplicates += 1
        self.accepted.add(submission_id)

    def met(self, event: AssignmentChanged) -> None:
        """An assignment that was there before these books were opened."""
        self._attempts.setdefault(event.assignment_id, {})[event.sequence] = event.status

    def assignment(self, event: AssignmentChanged, seen_at: float) -> None:
        """Book a record of ``assignments.v1``, seen at a Unix time."""
        self.met(event)
        if event.submission_id is None:
            return
        known = self._firsts.get(event.submission_id)
        if known is None or (event.sequence, seen_at) < (known.sequence, known.seen_at):
            self._firsts[event.submission_id] = _First(event.sequence, seen_at, event)

    def quarantined(self, event: SubmissionQuarantined) -> None:
        """Book a record of ``quarantine.v1``."""
        if event.submission_id is not None:
            self._set_aside(event.submission_id, str(event.disposition))

    def dead_lettered(self, submission_id: UUID) -> None:
        """Book a record of a dead-letter topic."""
        self._set_aside(submission_id, "dead_lettered")

    def _set_aside(self, submission_id: UUID, end: str) -> None:
        known = self._aside.get(submission_id, end)
        self._aside[submission_id] = max(known, end, key=_order)

    def end_of(self, submission_id: UUID) -> str | None:
        """The one end; None where none was seen."""
        first = self._firsts.get(submission_id)
        if first is None:
            return self._aside.get(submission_id)
        known = self._attempts[first.event.assignment_id]
        before = known.get(max((one for one in known if one < first.sequence), default=0))
        status = first.event.status
        # A lead that waited and moves up does so in the same attempt.
        decided = before is None or (before in _WAITING and status is not before)
        if decided and status is AssignmentStatus.CLOSED and first.event.diverted is not None:
            return "diverted"
        return _FIRST_ENDS.get(status, "merged") if decided else "merged"

    @property
    def ended(self) -> int:
        """How many submissions have an end, accepted here or elsewhere."""
        return len(self._firsts.keys() | self._aside.keys())

    @property
    def unaccounted(self) -> set[UUID]:
        """Accepted submissions without an end."""
        return self.accepted - self._firsts.keys() - self._aside.keys()

    def summary(self) -> dict[str, object]:
        """The figures that ``demo --json`` prints."""
        counts = Counter(self.end_of(submission_id) for submission_id in self.accepted)
        return {
            "accepted": len(self.accepted),
            "duplicates": self.duplicates,
            **{end: counts[end] for end in ENDS},
            "unaccounted": len(self.unaccounted),
            "latency_ms": self.speed_ms(),
        }

    def speed_ms(self) -> dict[str, float | None]:
        """From receipt to the first sight of the decision, for what was assigned at once."""
        return latency_ms(
            max(0.0, first.seen_at - first.event.received_at.timestamp())
            for submission_id, first in self._firsts.items()
            if submission_id in self.accepted and self.end_of(submission_id) == "assigned"
        )


def _order(end: str) -> tuple[int, str]:
    return _RANK.get(end, 1), end


def latency_ms(seconds: Iterable[float]) -> dict[str, float | None]:
    """Nearest-rank percentiles in milliseconds; null where nothing was measured."""
    ordered = sorted(seconds)
    if not ordered:
        return {"p50": None, "p90": None, "p99": None, "max": None}

    def rank(percent: int) -> float:
        position = -(-len(ordered) * percent // 100)
        return round(1000 * ordered[max(1, position) - 1], 1)

    return {"p50": rank(50), "p90": rank(90), "p99": rank(99), "max": rank(100)}
