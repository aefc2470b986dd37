"""Points that a model of outcomes would give, for a person to accept.

A rule's weight in log-odds becomes points on the scale that the file has now, so that bands and
tiers keep their meaning. Rules that too few leads met keep their points.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.scoring.learning.fitting import Features, Fitted

MET_BY = 20
"""Leads that must have met a rule, and as many that must not, before its points are touched."""
MOST = 1_000
"""Points of one rule that the file allows."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """New points of one rule."""

    rule: str
    now: int
    proposed: int
    met_by: int
    rate: float
    """Outcome rate of those who met it."""
    rate_else: float


def proposals(
    fitted: Fitted,
    points: Mapping[str, int],
    samples: Sequence[Features],
    outcomes: Sequence[bool],
) -> list[Proposal]:
    """For every rule that enough leads met, the largest change first.

    :param points: of the rules in force.
    """
    known = {rule for rule in points if _enough(rule, samples)}
    scale = _scale(fitted, {rule: points[rule] for rule in known})
    found = []
    for rule in sorted(known):
        proposed = round(fitted.weights.get(rule, 0.0) * scale)
        met = [one for features, one in zip(samples, outcomes, strict=True) if features.get(rule)]
        others = [
            one for features, one in zip(samples, outcomes, strict=True) if not features.get(rule)
        ]
        found.append(
            Proposal(
                rule=rule,
                now=points[rule],
                proposed=max(-MOST, min(MOST, proposed)),
                met_by=len(met),
                rate=sum(met) / len(met),
                rate_else=sum(others) / len(others),
            )
        )
    return sorted(found, key=lambda one: (-abs(one.proposed - one.now), one.rule))


def _enough(rule: str, samples: Sequence[Features]) -> bool:
    met = sum(1 for features in samples if features.get(rule))
    return min(met, len(samples) - met) >= MET_BY


def _scale(fitted: Fitted, points: Mapping[str, int]) -> float:
    """Points per unit of log-odds: what the rules weigh together stays the same."""
    weighed = sum(abs(fitted.weights.get(rule, 0.0)) for rule in points)
    return sum(map(abs, points.values())) / weighed if weighed else 0.0
