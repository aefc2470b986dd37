"""What no row of a territory table covers. Pure.

A place is told by country, then by what the table itself names in it: regions, industries, postal
codes, sizes. Rows that name an account are exceptions for that account and cover nothing else.
Regions and industries are looked at one at a time, not in every combination.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from services.routing.territories import LAST, NO_END, Row, Table

_FIRST: Final = ""
_ALNUM: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_SMALLEST: Final = 1.0
"""A company has at least one employee."""

Band = tuple[float, float]
"""Employees, from the first to before the second."""
Span = tuple[str, str]
"""Postal codes, from the first to before the second."""
_EVERY_BAND: Final[Band] = (_SMALLEST, NO_END)
_EVERY_CODE: Final[Span] = (_FIRST, LAST)


@dataclass(frozen=True, slots=True)
class Gap:
    """Leads that no row takes."""

    country: str | None
    """None: every country that the table does not name."""
    region: str | None = None
    """None: where the table names no region."""
    industry: str | None = None
    codes: Span = _EVERY_CODE
    employees: Band = _EVERY_BAND
    near: tuple[int, ...] = ()
    """Lines of the rows beside it."""

    def takes(self, facts: Mapping[str, object]) -> bool:
        """Whether postal code and size of a lead lie in it; what is not known does not."""
        code, count = facts.get("place.postal_code"), facts.get("company.headcount")
        if self.codes != _EVERY_CODE and not (
            isinstance(code, str) and self.codes[0] <= code < self.codes[1]
        ):
            return False
        low, high = self.employees
        return self.employees == _EVERY_BAND or (
            isinstance(count, int | float) and low <= count < high
        )

    def described(self) -> dict[str, object]:
        """For people and programs; what is None is not bounded."""
        (code, before), (low, high) = self.codes, self.employees
        return {
            "country": self.country,
            "region": self.region,
            "industry": self.industry,
            "postal_from": code or None,
            "postal_before": None if before == LAST else before,
            "employees_from": None if low == _SMALLEST else int(low),
            "employees_to": None if high == NO_END else int(high) - 1,
        }


class Gaps:
    """The gaps of a table, and which one a lead falls into."""

    def __init__(self, table: Table) -> None:
        self.found = tuple(gaps(table))
        rows = [row for row in table.rows if row.account is None]
        self.countries = frozenset(row.country for row in rows if row.country is not None)
        """Those that the table names."""
        self._regions = {(row.country, row.region) for row in rows}
        self._industries = {(row.country, row.industry) for row in rows}

    def of(self, facts: Mapping[str, object]) -> Gap | None:
        """The gap that a lead falls into; None where too little is known of it to say."""
        country = facts.get("company.country") or facts.get("country.resolved")
        named = country if isinstance(country, str) and country in self.countries else None
        region, industry = facts.get("place.region"), facts.get("company.industry")
        industry = industry.casefold() if isinstance(industry, str) else None
        there = (
            region if {(named, region), (None, region)} & self._regions else None,
            industry if {(named, industry), (None, industry)} & self._industries else None,
        )
        for gap in self.found:
            if gap.country == named and (gap.region, gap.industry) == there and gap.takes(facts):
                return gap
        return None


def gaps(table: Table) -> Iterator[Gap]:
    """Every gap: by country, those of the countries that no row names last."""
    by_country: dict[str | None, list[Row]] = defaultdict(list)
    for row in table.rows:
        if row.account is None:
            by_country[row.country].append(row)
    anywhere = by_country.pop(None, [])
    for country in sorted(name for name in by_country if name is not None):
        yield from _of_country(country, by_country[country], anywhere)
    yield from _of_country(None, anywhere, [])


def _of_country(country: str | None, own: Sequence[Row], anywhere: Sequence[Row]) -> Iterator[Gap]:
    """:param own: the rows that name the country (or none)."""
    rows = [*own, *anywhere]
    general = [row for row in rows if row.region is None and row.industry is None]
    base = list(_holes(general))
    if not base:
        return
    for codes, band, near in base:
        yield Gap(country, None, None, codes, band, near or _lines(own))
    for region in _in_order(row.region for row in rows):
        there = [row for row in rows if row.region in (None, region) and row.industry is None]
        for codes, band, near in _holes(there):
            yield Gap(country, region, None, codes, band, near or _lines(there))
    for industry in _in_order(row.industry for row in rows):
        there = [row for row in rows if row.region is None and row.industry in (None, industry)]
        for codes, band, near in _holes(there):
            yield Gap(country, None, industry, codes, band, near or _lines(there))


def _holes(rows: Sequence[Row]) -> Iterator[tuple[Span, Band, tuple[int, ...]]]:
    """What of all codes and sizes these rows leave, with the lines beside it."""
    sized = [row for row in rows if row.postal is None and row.employees is not None]
    if any(row.postal is None and row.employees is None for row in rows):
        return
    left = list(_without([_EVERY_BAND], [_band(row) for row in sized]))
    placed = [row for row in rows if row.postal is not None]
    if not placed:
        for band in left:
            yield _EVERY_CODE, band, _beside_band(sized, band)
        return
    for codes, bands in _by_code(placed, left):
        for band in bands:
            yield codes, band, _beside_code(placed, codes)


def _by_code(rows: Sequence[Row], left: Sequence[Band]) -> Iterator[tuple[Span, tuple[Band, ...]]]:
    """The bands that stay uncovered, code by code; neighbours with the same are one."""
    starts: dict[str, list[Row]] = defaultdict(list)
    ends: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        start, end = _span(row)
        starts[start].append(row)
        ends[end].append(row)
    cuts = sorted({_FIRST, LAST, *starts, *ends})
    there: dict[int, Row] = {}
    open_: tuple[str, tuple[Band, ...]] | None = None
    for cut in cuts:
        for row in ends.get(cut, ()):
            there.pop(id(row), None)
        for row in starts.get(cut, ()):
            there[id(row)] = row
        free = tuple(_without(left, [_band(row) for row in there.values()]))
        if cut != LAST and open_ is not None and open_[1] == free:
            continue
        if open_ is not None and open_[1] and open_[0] != cut:
            yield (open_[0], cut), open_[1]
        open_ = (cut, free)


def _without(bands: Iterable[Band], taken: Iterable[Band]) -> Iterator[Band]:
    """What of the bands none of the taken ones covers."""
    ordered = sorted(taken)
    for low, high in bands:
        at = low
        for start, end in ordered:
            if end <= at:
                continue
            if start >= high:
                break
            if start > at:
                yield at, start
            at = max(at, end)
        if at < high:
            yield at, high


def _band(row: Row) -> Band:
    """From the first to before the last, of whole people."""
    if row.employees is None:
        return _EVERY_BAND
    return row.employees[0], row.employees[1] + 1


def _span(row: Row) -> Span:
    assert row.postal is not None
    start, end = row.postal
    return (_FIRST if not start.strip("0") else start), _following(end)


def _following(code: str) -> str:
    """The first code of the same length behind it and everything that begins with it.

    Codes of digits count in tens, others in digits and letters: after ``SW1`` comes ``SW2``.
    """
    letters = "0123456789" if code.isdigit() else _ALNUM
    kept = code.rstrip(letters[-1])
    if not kept or kept[-1] not in letters:
        return LAST
    higher = letters[letters.index(kept[-1]) + 1]
    return kept[:-1] + higher + letters[0] * (len(code) - len(kept))


def _beside_band(rows: Sequence[Row], band: Band) -> tuple[int, ...]:
    return _lines(row for row in rows if _band(row)[1] == band[0] or _band(row)[0] == band[1])


def _beside_code(rows: Sequence[Row], codes: Span) -> tuple[int, ...]:
    return _lines(row for row in rows if _span(row)[1] == codes[0] or _span(row)[0] == codes[1])


def _lines(rows: Iterable[Row]) -> tuple[int, ...]:
    """The first few."""
    return tuple(sorted({row.line for row in rows})[:3])


def _in_order(names: Iterable[str | None]) -> list[str]:
    return sorted({name for name in names if name is not None})
