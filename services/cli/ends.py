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

ENDS = ("assigned", "held", "nurtured", "merged", "quarantined", "rejected", "dead_lettered")

_FIRST_ENDS = {
    AssignmentStatus.ASSIGNED: "assigned",
    AssignmentStatus.HELD: "held",
    AssignmentStatus.NURTURED: "nurtured",
}


@dataclass(slots=True)
class Books:
    """Feed it answers and records in any order; ask for the balance."""

    accepted: set[UUID] = field(default_factory=set)
    duplicates: int = 0
    ends: dict[UUID, str] = field(default_factory=dict)
    latencies: dict[UUID, float] = field(default_factory=dict)
    """Seconds from receipt to the decision's arrival here, for submissions assigned at once."""
    _attempts: dict[UUID, int] = field(default_factory=dict)

    def answered(self, submission_id: UUID, status: str) -> None:
        """An answer with 200."""
        if status == "duplicate" or submission_id in self.accepted:
            self.duplicates += 1
        self.accepted.add(submission_id)

    def assignment(self, event: AssignmentChanged, seen_at: float) -> str | None:
        """Book a record of ``assignments.v1``; the end that it is, or None where it is none."""
        first_sequence = self._attempts.setdefault(event.assignment_id, event.sequence)
        if event.submission_id is None or event.submission_id in self.ends:
            return None
        opens = first_sequence == event.sequence
        end = _FIRST_ENDS.get(event.status, "merged") if opens else "merged"
        self.ends[event.submission_id] = end
        if end == "assigned":
            waited = seen_at - event.received_at.timestamp()
            self.latencies[event.submission_id] = max(0.0, waited)
        return end

    def quarantined(self, event: SubmissionQuarantined) -> None:
        """Book a record of ``quarantine.v1``."""
        if event.submission_id is not None:
            self.ends.setdefault(event.submission_id, str(event.disposition))

    def dead_lettered(self, submission_id: UUID) -> None:
        """Book a record of a dead-letter topic."""
        self.ends.setdefault(submission_id, "dead_lettered")

    @property
    def unaccounted(self) -> set[UUID]:
        """Accepted submissions without an end."""
        return self.accepted - self.ends.keys()

    def summary(self) -> dict[str, object]:
        """The figures that ``demo --json`` prints."""
        counts = Counter(end for key, end in self.ends.items() if key in self.accepted)
        return {
            "accepted": len(self.accepted),
            "duplicates": self.duplicates,
            **{end: counts[end] for end in ENDS},
            "unaccounted": len(self.unaccounted),
            "latency_ms": self.speed_ms(),
        }

    def speed_ms(self) -> dict[str, float | None]:
        """Speed to assignment of what was accepted here."""
        return latency_ms(w for key, w in self.latencies.items() if key in self.accepted)


def latency_ms(seconds: Iterable[float]) -> dict[str, float | None]:
    """Nearest-rank percentiles in milliseconds; null where nothing was measured."""
    ordered = sorted(seconds)
    if not ordered:
        return {"p50": None, "p90": None, "p99": None, "max": None}

    def rank(percent: int) -> float:
        position = -(-len(ordered) * percent // 100)
        return round(1000 * ordered[max(1, position) - 1], 1)

    return {"p50": rank(50), "p90": rank(90), "p99": rank(99), "max": rank(100)}
