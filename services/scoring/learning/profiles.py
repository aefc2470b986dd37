"""Which companies answer when we approach them: industry, headcount and technology."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt

from services.scoring.learning.samples import Sample, reached

HEADCOUNTS = ((1, 49), (50, 199), (200, 499), (500, 1_999), (2_000, None))
FEWEST = 20
"""Approached leads of a profile before anything is said of it."""
_Z = 1.96


@dataclass(frozen=True, slots=True)
class Profile:
    """One sort of company, and how it answered."""

    industry: str | None
    headcount: str | None
    technology: str | None
    approached: int
    answered: int
    rate: float
    surely: float
    """Lower end of the 95 % interval of the rate (Wilson): what profiles are ranked by."""


def profiles(samples: Iterable[Sample], outcome: str = "replied") -> list[Profile]:
    """Of outbound leads, the most responsive first; profiles of too few are left out.

    A lead counts for every technology of its company, and for none in particular.
    """
    outbound = [sample for sample in samples if sample.outbound]
    approached: Counter[tuple[str | None, ...]] = Counter()
    answered: Counter[tuple[str | None, ...]] = Counter()
    for sample, came in zip(outbound, reached(outbound, outcome), strict=True):
        for key in _keys(sample):
            approached[key] += 1
            answered[key] += came
    found = [
        Profile(
            industry=key[0],
            headcount=key[1],
            technology=key[2],
            approached=count,
            answered=answered[key],
            rate=answered[key] / count,
            surely=wilson(answered[key], count),
        )
        for key, count in approached.items()
        if count >= FEWEST
    ]
    return sorted(found, key=lambda one: (-one.surely, -one.approached, _name(one)))


def _name(one: Profile) -> tuple[str, ...]:
    return one.industry or "", one.headcount or "", one.technology or ""


def wilson(wins: int, of: int) -> float:
    """Lower end of the 95 % interval of a rate (Wilson, 1927)."""
    rate = wins / of
    middle = rate + _Z**2 / (2 * of)
    spread = _Z * sqrt(rate * (1 - rate) / of + _Z**2 / (4 * of**2))
    return max(0.0, (middle - spread) / (1 + _Z**2 / of))


def _keys(sample: Sample) -> Sequence[tuple[str | None, ...]]:
    industry = sample.facts.get("company.industry")
    known = sample.facts.get("company.technologies")
    technologies = sorted({str(one).casefold() for one in known}) if isinstance(known, list) else []
    about = (str(industry).casefold() if industry else None, _band(sample))
    return [(*about, None), *((*about, technology) for technology in technologies)]


def _band(sample: Sample) -> str | None:
    headcount = sample.facts.get("company.headcount")
    if not isinstance(headcount, int | float):
        return None
    for low, high in HEADCOUNTS:
        if headcount >= low and (high is None or headcount <= high):
            return f"{low}+" if high is None else f"{low}-{high}"
    return None
