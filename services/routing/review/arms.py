"""What the arms of an experiment came to, with how sure one may be. Pure.

A lead counts once, in the arm of its first attempt under the experiment, whatever became of it
later (as drawn, not as treated): leads that were held or nurtured stay in the denominator.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

from services.routing.splitting import Split

Z = 1.959963984540054
"""Of the normal distribution: an interval of 95 %."""
OUTCOMES = ("assigned", "accepted", "touched", "qualified", "won")
"""What is told as a part of all leads of the arm."""


@dataclass(frozen=True, slots=True)
class Counts:
    """The leads of one arm."""

    arm: str
    leads: int
    held: int
    """Waiting now, and never given."""
    nurtured: int
    assigned: int
    accepted: int
    touched: int
    qualified: int
    won: int
    p50_s: float | None
    """From receipt to the first rep, of those who were assigned."""
    p90_s: float | None


@dataclass(frozen=True, slots=True)
class Interval:
    """A rate or a difference of rates, with the bounds of its 95 % interval."""

    value: float
    low: float
    high: float

    def as_dict(self) -> dict[str, float]:
        return {name: round(getattr(self, name), 4) for name in ("value", "low", "high")}


def wilson(hits: int, total: int) -> Interval | None:
    """The score interval of a rate; honest also for few leads and for rates near 0 and 1.

    Source: Wilson, Journal of the American Statistical Association 22 (1927) 209; recommended over
    the usual +- interval by Brown, Cai and DasGupta, Statistical Science 16 (2001) 101.
    """
    if not total:
        return None
    rate, square = hits / total, Z * Z
    middle = rate + square / (2 * total)
    reach = Z * sqrt(rate * (1 - rate) / total + square / (4 * total * total))
    scale = 1 + square / total
    low, high = (middle - reach) / scale, (middle + reach) / scale
    return Interval(rate, max(0.0, low) if hits else 0.0, min(1.0, high) if hits < total else 1.0)


def difference(one: Interval, other: Interval) -> Interval:
    """``other`` less ``one``, by both score intervals.

    Source: Newcombe, Statistics in Medicine 17 (1998) 873, method 10.
    """
    value = other.value - one.value
    below = sqrt((other.value - other.low) ** 2 + (one.high - one.value) ** 2)
    above = sqrt((other.high - other.value) ** 2 + (one.value - one.low) ** 2)
    return Interval(value, value - below, value + above)


def report(name: str, split: Split | None, found: Sequence[Counts]) -> dict[str, Any]:
    """All that the table, ``--json`` and HTTP show.

    :param split: as configured now; None where the experiment is over.
    """
    known = {one.arm: one for one in found}
    configured = [arm.name for arm in split.arms] if split is not None else []
    order = [*configured, *sorted(known.keys() - set(configured))]
    arms = [known.get(arm, Counts(arm, *(0,) * 8, None, None)) for arm in order]
    total = sum(one.leads for one in arms)
    weights = {arm.name: arm.weight for arm in split.arms} if split is not None else {}
    first = _rates(arms[0]) if arms else {}
    return {
        "experiment": name,
        "running": split is not None,
        "by": split.by.value if split is not None else None,
        "holdout": next((arm.name for arm in split.arms if arm.holdout), None) if split else None,
        "compared_with": order[0] if order else None,
        "leads": total,
        "arms": [_arm(one, total, weights, first, at > 0) for at, one in enumerate(arms)],
    }


def _arm(
    one: Counts,
    total: int,
    weights: Mapping[str, int],
    first: Mapping[str, Interval],
    compared: bool,
) -> dict[str, Any]:
    rates = _rates(one)
    weight = weights.get(one.arm)
    return {
        "arm": one.arm,
        "weight": weight,
        "expected_share": round(weight / sum(weights.values()), 4) if weight else None,
        "share": round(one.leads / total, 4) if total else None,
        "leads": one.leads,
        "held": one.held,
        "nurtured": one.nurtured,
        "time_to_assignment_s": {"p50": one.p50_s, "p90": one.p90_s},
        **{
            outcome: {
                "count": getattr(one, outcome),
                "rate": rates[outcome].as_dict() if outcome in rates else None,
                "against_first": difference(first[outcome], rates[outcome]).as_dict()
                if compared and outcome in rates and outcome in first
                else None,
            }
            for outcome in OUTCOMES
        },
    }


def _rates(one: Counts) -> dict[str, Interval]:
    found = ((outcome, wilson(getattr(one, outcome), one.leads)) for outcome in OUTCOMES)
    return {outcome: rate for outcome, rate in found if rate is not None}
