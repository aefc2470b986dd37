"""How well numbers foretell outcomes: ranking, the top of the list, calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from sklearn.metrics import brier_score_loss, roc_auc_score

GROUPS = 10
"""Of about the same size, the highest numbers first."""


@dataclass(frozen=True, slots=True)
class Group:
    """Neighbours in the ranking."""

    size: int
    lowest: float
    mean: float
    """Mean number of the group: a chance where the numbers are chances."""
    rate: float
    """How many of them came to the outcome."""


@dataclass(frozen=True, slots=True)
class Measures:
    """What a list of numbers is worth as a forecast."""

    size: int
    rate: float
    """Of all."""
    auc: float | None
    """0.5 is a coin; None where all outcomes are the same."""
    top: float
    """The part of the list that ``precision`` and ``lift`` are about."""
    precision: float
    """How many of the top came to the outcome."""
    lift: float
    """Precision by rate: how much better than picking at random."""
    groups: tuple[Group, ...]


@dataclass(frozen=True, slots=True)
class Calibration:
    """Whether chances are what they say."""

    brier: float
    """Mean squared error; ``rate * (1 - rate)`` says nothing, 0 is an oracle."""
    error: float
    """Mean distance of chance and rate over the groups, by size."""


def measured(numbers: Sequence[float], outcomes: Sequence[bool], top: float) -> Measures:
    """:param top: a share, such as 0.1 for the top decile.

    Of equal numbers at the edge of the top, a matching part counts: no order among them is made up.
    :raises ValueError: where there is no sample.
    """
    if not numbers:
        raise ValueError("no sample to measure")
    rate = sum(outcomes) / len(outcomes)
    both = 0 < rate < 1
    precision = _precision(numbers, outcomes, top)
    return Measures(
        size=len(numbers),
        rate=rate,
        auc=float(roc_auc_score(list(outcomes), list(numbers))) if both else None,
        top=top,
        precision=precision,
        lift=precision / rate if rate else 0.0,
        groups=_groups(numbers, outcomes),
    )


def calibrated(chances: Sequence[float], outcomes: Sequence[bool]) -> Calibration:
    """Chances between 0 and 1 against what came of them."""
    groups = _groups(chances, outcomes)
    total = sum(group.size for group in groups)
    error = sum(abs(group.mean - group.rate) * group.size for group in groups) / total
    return Calibration(float(brier_score_loss(list(outcomes), list(chances))), error)


def _precision(numbers: Sequence[float], outcomes: Sequence[bool], top: float) -> float:
    wanted = max(1.0, len(numbers) * top)
    edge = sorted(numbers, reverse=True)[min(len(numbers), round(wanted)) - 1]
    above = [one for number, one in zip(numbers, outcomes, strict=True) if number > edge]
    at_edge = [one for number, one in zip(numbers, outcomes, strict=True) if number == edge]
    part = (round(wanted) - len(above)) / len(at_edge)
    return (sum(above) + sum(at_edge) * part) / round(wanted)


def _groups(numbers: Sequence[float], outcomes: Sequence[bool]) -> tuple[Group, ...]:
    same: dict[float, list[bool]] = {}
    for number, outcome in zip(numbers, outcomes, strict=True):
        same.setdefault(number, []).append(outcome)
    # Of equal numbers, which stand in an order by chance, each counts as their mean.
    rates = {number: sum(came) / len(came) for number, came in same.items()}
    ranked = [(number, rates[number]) for number in sorted(numbers, reverse=True)]
    count = min(GROUPS, len(ranked))
    edges = [len(ranked) * at // count for at in range(count + 1)]
    parts = [ranked[start:end] for start, end in pairwise(edges)]
    return tuple(
        Group(
            size=len(part),
            lowest=part[-1][0],
            mean=sum(number for number, _ in part) / len(part),
            rate=sum(rate for _, rate in part) / len(part),
        )
        for part in parts
    )
