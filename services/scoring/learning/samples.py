"""Leads as they were scored first, with what became of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from schemas.score import LedgerLine
from services.scoring.config import ScoringFile
from services.scoring.learning.fitting import Features


@dataclass(frozen=True, slots=True)
class Sample:
    """One lead: its first score, before anybody called, and what happened within the horizon."""

    lead_id: UUID
    at: datetime
    total: int
    """Hundredths."""
    outbound: bool
    ledger: tuple[LedgerLine, ...]
    facts: Mapping[str, object]
    came: frozenset[str]
    """Activities that tell of an outcome: ``email_replied``, ``qualified``, ``won`` …"""


OUTCOMES: dict[str, tuple[str, ...]] = {
    "replied": ("email_replied", "call_connected", "meeting_booked", "meeting_held"),
    "connected": ("call_connected", "meeting_held"),
    "qualified": ("qualified", "opportunity_created", "won"),
    "won": ("won",),
}
"""What counts as which outcome; who came further came this far."""
NAMES = sorted({name for names in OUTCOMES.values() for name in names})


def reached(samples: Iterable[Sample], outcome: str) -> list[bool]:
    """Whether each lead came to the outcome."""
    wanted = frozenset(OUTCOMES[outcome])
    return [not wanted.isdisjoint(sample.came) for sample in samples]


def full_points(model: ScoringFile) -> dict[str, int]:
    """Points of every rule of the file, before decay."""
    sections = (model.fit.rules, model.intent.rules, model.signals)
    return {rule.id: rule.points for rules in sections for rule in rules if rule.points}


def features(sample: Sample, points: Mapping[str, int]) -> Features:
    """Which rules the lead met: 1 for a rule in full, less where its points had faded."""
    found: dict[str, float] = {}
    for line in sample.ledger:
        full = points.get(line.rule, 0) * 100
        if full:
            found[line.rule] = min(1.0, found.get(line.rule, 0.0) + line.points / full)
    return {rule: share for rule, share in found.items() if share > 0}


def split(samples: Sequence[Sample], share: float) -> tuple[list[Sample], list[Sample]]:
    """The older ``share`` and the newer rest."""
    ordered = sorted(samples, key=lambda one: (one.at, str(one.lead_id)))
    edge = int(len(ordered) * share)
    return ordered[:edge], ordered[edge:]
