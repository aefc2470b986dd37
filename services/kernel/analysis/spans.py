"""Sets of numbers as stretches of the number line."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

End = tuple[float, int]
"""A value, and which side of it is meant: -1 just below, 0 itself, 1 just above."""
Span = tuple[End, End]

_ALL: Span = ((-inf, 0), (inf, 0))


@dataclass(frozen=True, slots=True)
class Spans:
    """Stretches in rising order that do not touch. Of all numbers, not of whole ones alone."""

    spans: tuple[Span, ...] = (_ALL,)

    @property
    def empty(self) -> bool:
        return not self.spans

    def meet(self, other: Spans) -> Spans:
        """What is in both."""
        found = [
            (max(low, other_low), min(high, other_high))
            for low, high in self.spans
            for other_low, other_high in other.spans
        ]
        return Spans(tuple(sorted((low, high) for low, high in found if low <= high)))

    def opposite(self) -> Spans:
        """What is in neither stretch."""
        gaps: list[Span] = []
        start: End = (-inf, 0)
        for low, high in self.spans:
            gaps.append((start, (low[0], low[1] - 1)))
            start = (high[0], high[1] + 1)
        gaps.append((start, (inf, 0)))
        return Spans(tuple((low, high) for low, high in gaps if low <= high))

    def whole(self) -> Spans:
        """Only stretches that hold a whole number, cut to whole ends."""
        cut = [(_up(low), _down(high)) for low, high in self.spans]
        return Spans(tuple((low, high) for low, high in cut if low <= high))


EVERY = Spans()
"""All numbers."""


def at_least(value: float) -> Spans:
    return Spans((((value, 0), (inf, 0)),))


def above(value: float) -> Spans:
    return Spans((((value, 1), (inf, 0)),))


def between(low: float, high: float) -> Spans:
    """Both ends included."""
    return Spans((((low, 0), (high, 0)),))


def points(values: tuple[float, ...]) -> Spans:
    """These numbers and no others."""
    return Spans(tuple(((value, 0), (value, 0)) for value in sorted(set(values))))


def _up(low: End) -> End:
    value, side = low
    if value == -inf:
        return low
    whole = float(-(-value // 1))
    return (whole + 1 if whole == value and side > 0 else whole, 0)


def _down(high: End) -> End:
    value, side = high
    if value == inf:
        return high
    whole = float(value // 1)
    return (whole - 1 if whole == value and side < 0 else whole, 0)
