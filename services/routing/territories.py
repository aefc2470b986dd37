"""Territories as tables: which row of many a lead belongs to. Pure.

A row says what a lead must have and which pool gets it; an empty cell asks nothing. Of several rows
that fit the most specific one counts: an account by name before a postal range, before a region, an
industry, a band of employees, a country; between equals the first in the file.

Rows are found by index, never by a scan: those that ask the same columns share a dictionary, whose
entries are sorted by range.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from services.kernel.countries import COUNTRIES, MISTAKEN
from services.kernel.csvrecords import records, titles, too_long
from services.kernel.faults import did_you_mean
from services.kernel.identity import registrable_domain
from services.routing.companies import normal_postal

COLUMNS: Final = (
    "territory", "pool", "account", "country", "region", "postal_from", "postal_to", "industry",
    "employees_from", "employees_to",
)  # fmt: skip
NURTURE: Final = "nurture"
"""In the column ``pool``: nobody gets the lead."""
LAST: Final = "\uffff"
"""After every letter: a range that ends with ``SW1`` holds ``SW1A 1AA``."""
NO_END: Final = float("inf")

Facts = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table."""

    line: int
    territory: str
    pool: str | None
    """None: to nurture."""
    account: str | None = None
    country: str | None = None
    region: str | None = None
    industry: str | None = None
    postal: tuple[str, str] | None = None
    employees: tuple[float, float] | None = None

    @property
    def exact(self) -> tuple[str | None, ...]:
        """What must be the same, column by column."""
        return self.account, self.country, self.region, self.industry

    @property
    def rank(self) -> tuple[int, ...]:
        """Less is more specific."""
        asks = (self.account, self.postal, self.region, self.industry, self.employees, self.country)
        return (*(int(one is None) for one in asks), self.line)


@dataclass(frozen=True, slots=True)
class Hit:
    """The row that a lead belongs to."""

    table: str
    row: Row

    def described(self) -> dict[str, Any]:
        """For the decision record and for a person."""
        row = self.row
        asked: dict[str, Any] = {
            "account": row.account,
            "country": row.country,
            "region": row.region,
            "industry": row.industry,
            "postal": list(row.postal) if row.postal is not None else None,
            "employees": list(row.employees) if row.employees is not None else None,
        }
        by = {name: value for name, value in asked.items() if value is not None}
        if row.employees is not None and row.employees[1] == NO_END:
            by["employees"] = [row.employees[0], None]
        return {"table": self.table, "line": row.line, "territory": row.territory, "by": by}


@dataclass(slots=True)
class _Ranges:
    """Rows sorted by where their range begins, so that a value finds its own by bisection."""

    rows: list[tuple[Any, Any, Row]] = field(default_factory=list)
    starts: list[Any] = field(default_factory=list)
    furthest: list[Any] = field(default_factory=list)
    """The greatest end up to each row: how far back it makes sense to look."""

    def close(self) -> None:
        self.rows.sort(key=lambda one: (one[0], one[2].line))
        self.starts = [start for start, _, _ in self.rows]
        for _, end, _ in self.rows:
            before = self.furthest[-1] if self.furthest else end
            self.furthest.append(max(before, end))

    def at(self, value: Any) -> Iterator[Row]:
        place = bisect_right(self.starts, value) - 1
        while place >= 0 and self.furthest[place] >= value:
            _, end, row = self.rows[place]
            if end >= value:
                yield row
            place -= 1


@dataclass(slots=True)
class _Bucket:
    """Rows that ask the same of the exact columns."""

    plain: list[Row] = field(default_factory=list)
    postal: _Ranges = field(default_factory=_Ranges)
    employees: _Ranges = field(default_factory=_Ranges)

    def add(self, row: Row) -> None:
        if row.postal is not None:
            start, end = row.postal
            self.postal.rows.append((start, end + LAST, row))
        elif row.employees is not None:
            self.employees.rows.append((*row.employees, row))
        else:
            self.plain.append(row)

    def close(self) -> None:
        del self.plain[1:]  # the first of those that ask the same always counts
        self.postal.close()
        self.employees.close()

    def fitting(self, postal: str | None, employees: float | None) -> Iterator[Row]:
        yield from self.plain
        if postal is not None:
            for row in self.postal.at(postal):
                band = row.employees
                if band is None or (employees is not None and band[0] <= employees <= band[1]):
                    yield row
        if employees is not None:
            yield from self.employees.at(employees)


class Table:
    """A table of territories, indexed."""

    def __init__(self, id_: str, rows: Sequence[Row]) -> None:
        self.id = id_
        self.rows = tuple(rows)
        self._buckets: dict[tuple[bool, ...], dict[tuple[str | None, ...], _Bucket]] = {}
        for row in self.rows:
            asks = tuple(one is not None for one in row.exact)
            same = self._buckets.setdefault(asks, {})
            same.setdefault(row.exact, _Bucket()).add(row)
        for same in self._buckets.values():
            for bucket in same.values():
                bucket.close()

    @property
    def pools(self) -> dict[str, int]:
        """The pools that rows name, each with the first line that does."""
        found: dict[str, int] = {}
        for row in self.rows:
            if row.pool is not None:
                found.setdefault(row.pool, row.line)
        return found

    def find(self, facts: Facts) -> Hit | None:
        """The most specific row that a lead fits; None where none does."""
        fitting = list(self._fitting(facts))
        if not fitting:
            return None
        best = fitting[0] if len(fitting) == 1 else min(fitting, key=lambda row: row.rank)
        return Hit(self.id, best)

    def fitting(self, facts: Facts) -> list[Row]:
        """Every row that a lead fits, the one that counts first; of equal ones only the first."""
        return sorted(self._fitting(facts), key=lambda row: row.rank)

    def _fitting(self, facts: Facts) -> Iterator[Row]:
        postal, employees = _text(facts, "place.postal_code"), facts.get("company.headcount")
        count = float(employees) if isinstance(employees, int | float) else None
        for bucket in self._having(facts):
            yield from bucket.fitting(postal, count)

    def _having(self, facts: Facts) -> Iterator[_Bucket]:
        """The rows whose exact columns the lead fits."""
        country = _text(facts, "company.country") or _text(facts, "country.resolved")
        region, industry = _text(facts, "place.region"), _folded(facts, "company.industry")
        for (by_account, by_country, by_region, by_industry), same in self._buckets.items():
            of_country = country if by_country else None
            of_region = region if by_region else None
            of_industry = industry if by_industry else None
            rest = (of_country, of_region, of_industry)
            for account in _accounts(facts) if by_account else (None,):
                # What is asked for and not known finds no row: in each of these all columns are.
                if (bucket := same.get((account, *rest))) is not None:
                    yield bucket


def _accounts(facts: Facts) -> Iterator[str]:
    names = {_text(facts, "account.id"), _text(facts, "company.domain")}
    return (name for name in names if name is not None)


class TableFault(ValueError):
    """A table cannot be used: ``faults`` are line, column and message."""

    def __init__(self, faults: Sequence[tuple[int, str, str]]) -> None:
        super().__init__("; ".join(f"{line} {column}: {text}" for line, column, text in faults))
        self.faults = tuple(faults)


@lru_cache(maxsize=8)
def table_of(id_: str, text: str) -> Table:
    """The table of a CSV file; the same object for the same text, as a large one takes long.

    :raises TableFault: with every fault.
    """
    found = records(text)
    header = titles(found)
    faults = [
        (1, name, f"unknown column{did_you_mean(name, COLUMNS)}")
        for name in header
        if name not in COLUMNS
    ]
    faults += [(1, name, "is missing") for name in ("territory", "pool") if name not in header]
    if faults:
        raise TableFault(faults)
    rows: list[Row] = []
    for one in found:
        if why := one.fault or too_long(one.cells, header):
            faults.append((one.line, "", why))
        elif any(cell.strip() for cell in one.cells):
            said = dict(zip(header, (cell.strip() for cell in one.cells), strict=False))
            row, wrong = row_of(said, one.line)
            faults += [(one.line, column, text_) for column, text_ in wrong]
            rows.append(row)
    if faults:
        raise TableFault(faults)
    return Table(id_, rows)


def row_of(said: Mapping[str, str], line: int) -> tuple[Row, list[tuple[str, str]]]:
    """A row from its cells, and what is wrong with them."""
    wrong: list[tuple[str, str]] = []
    country = MISTAKEN.get(said.get("country", "").upper(), said.get("country", "").upper())
    if country and country not in COUNTRIES:
        wrong.append(("country", f"{country!r} is no country code of two letters"))
    postal = _range(said, "postal", normal_postal, wrong)
    employees = _range(said, "employees", _number, wrong)
    account = said.get("account") or None
    row = Row(
        line=line,
        territory=said.get("territory", ""),
        pool=None if said.get("pool") == NURTURE else said.get("pool"),
        account=(registrable_domain(account) or account) if account is not None else None,
        country=country or None,
        region=said.get("region", "").upper() or None,
        industry=said.get("industry", "").casefold() or None,
        postal=postal,
        employees=employees,
    )
    if not row.territory or not said.get("pool"):
        wrong.append(("territory" if not row.territory else "pool", "is missing"))
    return row, wrong


def _range(said: Mapping[str, str], name: str, read: Any, wrong: list[tuple[str, str]]) -> Any:
    """Both ends of a range; one that is missing is the other (postal) or none (employees)."""
    start, end = said.get(f"{name}_from", ""), said.get(f"{name}_to", "")
    if not start and not end:
        return None
    numbers = read is _number
    try:
        low: Any = read(start) if start else (0.0 if numbers else read(end))
        high: Any = read(end) if end else (NO_END if numbers else low)
    except ValueError:
        wrong.append((f"{name}_from", f"{start or end!r} is no number"))
        return None
    if low > (high if numbers else high + LAST):
        wrong.append((f"{name}_to", f"{end!r} comes before {start!r}"))
    return low, high


def _number(text: str) -> float:
    return float(int(text))


def _text(facts: Facts, name: str) -> str | None:
    value = facts.get(name)
    return value if isinstance(value, str) and value else None


def _folded(facts: Facts, name: str) -> str | None:
    text = _text(facts, name)
    return text.casefold() if text is not None else None
