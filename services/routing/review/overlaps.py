"""Which rows of a territory table take the same leads, and which of the two counts. Pure.

A row that names an account is an exception for that account on purpose: it is compared only with
rows that name the same one.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from typing import Any, Final

from services.routing.territories import LAST, NO_END, Row, Table

MOST_PAIRS: Final = 200_000
"""Looked at; a table that holds more is told to hold more."""

_Exact = tuple[str | None, ...]


class Kind(StrEnum):
    """How two rows lie to each other, the worst first."""

    SAME = "same"
    """Both ask the same: the later one never gets a lead."""
    HIDDEN = "hidden"
    """The one that loses lies within the other: it never gets a lead."""
    CROSSING = "crossing"
    """Each has leads of its own, and some are both's."""
    INSIDE = "inside"
    """The one that counts lies within the other: an exception, mostly on purpose."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two rows that both fit some lead."""

    kind: Kind
    wins: Row
    loses: Row

    @property
    def rank(self) -> tuple[int, bool, int, int]:
        """What is told first: what is probably wrong."""
        same_pool = self.wins.pool == self.loses.pool
        return tuple(Kind).index(self.kind), same_pool, self.wins.line, self.loses.line

    def shared(self) -> dict[str, Any]:
        """What a lead must have that both fit."""
        one, other = self.wins, self.loses
        found: dict[str, Any] = {
            name: getattr(one, name) or getattr(other, name)
            for name in ("account", "country", "region", "industry")
        }
        postal, employees = _postal(one, other), _employees(one, other)
        found["postal"] = list(postal) if postal is not None else None
        if employees is not None:
            low, high = employees
            found["employees"] = [int(low), None if high == NO_END else int(high)]
        return {name: value for name, value in found.items() if value is not None}


def overlaps(table: Table) -> Iterator[Overlap]:
    """Every pair, each once, in no order."""
    for one, other in _pairs(table):
        wins, loses = sorted((one, other), key=lambda row: row.rank)
        yield Overlap(_kind(wins, loses), wins, loses)


def _kind(wins: Row, loses: Row) -> Kind:
    if _within(loses, wins):
        return Kind.SAME if _within(wins, loses) else Kind.HIDDEN
    return Kind.INSIDE if _within(wins, loses) else Kind.CROSSING


def _within(small: Row, large: Row) -> bool:
    """Whether every lead that fits one row fits the other."""
    exact = all(
        asked is None or asked == own for own, asked in zip(small.exact, large.exact, strict=True)
    )
    if not exact:
        return False
    if large.postal is not None and (
        small.postal is None
        or small.postal[0] < large.postal[0]
        or small.postal[1] + LAST > large.postal[1] + LAST
    ):
        return False
    return large.employees is None or (
        small.employees is not None
        and small.employees[0] >= large.employees[0]
        and small.employees[1] <= large.employees[1]
    )


def _pairs(table: Table) -> Iterator[tuple[Row, Row]]:
    groups: dict[_Exact, list[Row]] = defaultdict(list)
    for row in table.rows:
        groups[row.exact].append(row)
    for rows in groups.values():
        yield from _meeting(rows, None)
    by_asks: dict[tuple[bool, ...], list[_Exact]] = defaultdict(list)
    for exact in groups:
        by_asks[tuple(one is not None for one in exact)].append(exact)
    for one, other in combinations(by_asks, 2):
        if one[0] is other[0]:  # both name an account, or neither does
            yield from _across(groups, by_asks[one], by_asks[other])


def _across(
    groups: dict[_Exact, list[Row]], some: Sequence[_Exact], others: Sequence[_Exact]
) -> Iterator[tuple[Row, Row]]:
    """Pairs of rows that ask different columns: found by the columns that both ask."""
    both = [
        at
        for at in range(len(some[0]))
        if some[0][at] is not None and others[0][at] is not None
    ]  # fmt: skip
    by_shared: dict[tuple[str | None, ...], list[_Exact]] = defaultdict(list)
    for exact in others:
        by_shared[tuple(exact[at] for at in both)].append(exact)
    for exact in some:
        for fits in by_shared.get(tuple(exact[at] for at in both), ()):
            yield from _meeting(groups[exact], groups[fits])


def _meeting(rows: Sequence[Row], others: Sequence[Row] | None) -> Iterator[tuple[Row, Row]]:
    """Rows whose ranges meet; without others: among themselves, each pair once."""
    place = {id(row): at for at, row in enumerate(rows)}
    ranges = _Starts(rows if others is None else others)
    for row in rows:
        for other in ranges.meeting(row):
            if others is None and place[id(other)] <= place[id(row)]:
                continue
            if _employees_meet(row, other):
                yield row, other


class _Starts:
    """Rows by where their postal range begins."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._anywhere = [row for row in rows if row.postal is None]
        self._placed = sorted(
            (row for row in rows if row.postal is not None), key=lambda row: row.postal or ("", "")
        )
        self._starts = [row.postal[0] for row in self._placed if row.postal is not None]
        self._furthest: list[str] = []
        for row in self._placed:
            end = (row.postal or ("", ""))[1] + LAST
            self._furthest.append(max(end, self._furthest[-1] if self._furthest else end))

    def meeting(self, row: Row) -> Iterator[Row]:
        yield from self._anywhere
        if row.postal is None:
            yield from self._placed
            return
        start, end = row.postal
        first = bisect_left(self._starts, start)
        yield from self._placed[first : bisect_right(self._starts, end + LAST)]
        at = first - 1
        while at >= 0 and self._furthest[at] >= start:
            before = self._placed[at]
            if before.postal is not None and before.postal[1] + LAST >= start:
                yield before
            at -= 1


def _employees_meet(one: Row, other: Row) -> bool:
    band = _employees(one, other)
    return band is None or band[0] <= band[1]


def _employees(one: Row, other: Row) -> tuple[float, float] | None:
    if one.employees is None or other.employees is None:
        return one.employees or other.employees
    return max(one.employees[0], other.employees[0]), min(one.employees[1], other.employees[1])


def _postal(one: Row, other: Row) -> tuple[str, str] | None:
    if one.postal is None or other.postal is None:
        return one.postal or other.postal
    end = min(one.postal[1], other.postal[1], key=lambda code: code + LAST)
    return max(one.postal[0], other.postal[0]), end
