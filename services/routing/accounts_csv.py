"""The accounts file: from lines of CSV to companies, and what is wrong with the other lines. Pure.

Columns, in any order; only ``name`` and one of ``id`` and ``domains`` are needed: id, name,
domains, aliases (both separated by ``|`` or spaces), country (two letters), postal_code, owner,
owner_kind (open_opportunity, customer, named or account), opportunity_owner, customer_owner,
named_owner, open_opportunity, customer, named (yes or no), contacts, since (a date).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

from services.kernel.countries import COUNTRIES, MISTAKEN
from services.kernel.csvrecords import other_delimiter, records, titles, too_long
from services.kernel.faults import did_you_mean
from services.kernel.identity import registrable_domain
from services.routing.companies import OWNER_KINDS, Company, Level
from services.routing.matching import company_domain

COLUMNS: Final = (
    "id", "name", "domains", "aliases", "country", "postal_code", "owner", "owner_kind",
    "opportunity_owner", "customer_owner", "named_owner", "open_opportunity", "customer", "named",
    "contacts", "since",
)  # fmt: skip
MOST_DOMAINS: Final = 50
_OWNER_COLUMNS: Final = {
    "opportunity_owner": Level.OPEN_OPPORTUNITY,
    "customer_owner": Level.CUSTOMER,
    "named_owner": Level.NAMED,
}
_YES: Final = frozenset({"yes", "true", "1", "y", "x"})
_NO: Final = frozenset({"", "no", "false", "0", "n"})
_SEPARATOR: Final = re.compile(r"[\s|;,]+")


@dataclass(frozen=True, slots=True)
class LineFault:
    """A line that is left out, or a value of it that is."""

    line: int
    column: str
    message: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a file says."""

    companies: tuple[Company, ...]
    faults: tuple[LineFault, ...]
    """Lines that were left out."""
    notes: tuple[LineFault, ...]
    """Values that were left out; the line counts all the same."""


class HeaderFault(ValueError):
    """The first line does not name the columns."""


class _Wrong(ValueError):
    def __init__(self, column: str, message: str) -> None:
        super().__init__(message)
        self.column = column


def parse(text: str, is_person: Callable[[str], bool], first_line: int = 1) -> Parsed:
    """Read CSV with a header.

    :param is_person: whether a name is a rep's; an owner who is not is kept and noted.
    :param first_line: of the text in its file, for the messages.
    :raises HeaderFault: a column is missing or unknown.
    """
    found = records(text)
    header = _header(titles(found))
    companies: dict[str, Company] = {}
    faults: list[LineFault] = []
    notes: list[LineFault] = []
    for one in found:
        row, line = one.cells, one.line + first_line - 1
        if (why := one.fault or too_long(row, header)) is not None:
            faults.append(LineFault(line, "", why))
            continue
        if not any(cell.strip() for cell in row):
            continue
        try:
            company = _company(dict(zip(header, (cell.strip() for cell in row), strict=False)))
            if company.company_id in companies:
                raise _Wrong("id", f"{company.company_id} is there twice")
        except _Wrong as wrong:
            faults.append(LineFault(line, wrong.column, str(wrong)))
            continue
        notes += _notes(line, header, row, company, is_person)
        companies[company.company_id] = company
    return Parsed(tuple(companies.values()), tuple(faults), tuple(notes))


def _header(row: list[str]) -> list[str]:
    names = [name.replace(" ", "_") for name in row]
    if why := other_delimiter(row):
        raise HeaderFault(why)
    for name in names:
        if name not in COLUMNS:
            raise HeaderFault(f"unknown column {name!r}{did_you_mean(name, COLUMNS)}")
    if len(set(names)) < len(names):
        raise HeaderFault("a column is there twice")
    if "name" not in names or not {"id", "domains"} & set(names):
        raise HeaderFault("the columns name and one of id and domains are needed")
    return names


def _company(row: Mapping[str, str]) -> Company:
    if not row.get("name"):
        raise _Wrong("name", "is missing")
    domains = tuple(dict.fromkeys(_domains(row)))[:MOST_DOMAINS]
    id_ = row.get("id") or (domains[0] if domains else "")
    if not id_:
        raise _Wrong("id", "is missing, and there is no domain that could stand for it")
    return replace(
        Company(company_id=id_[:200], name=row["name"][:300], domains=domains),
        country=_country(row.get("country", "")),
        postal_code=row.get("postal_code") or None,
        owners=_owners(row),
        open_opportunity=_flag(row, "open_opportunity"),
        customer=_flag(row, "customer"),
        named=_flag(row, "named"),
        contacts=_count(row.get("contacts", "")),
        since=_date(row.get("since", "")),
    )


def _domains(row: Mapping[str, str]) -> Iterator[str]:
    """The registrable domains; those that are not one company's are left out (and noted)."""
    for written in _written(row):
        found = company_domain(registrable_domain(host_of(written)))
        if found is not None:
            yield found


def _written(row: Mapping[str, str]) -> list[str]:
    both = f"{row.get('domains', '')} {row.get('aliases', '')}"
    return [part for part in _SEPARATOR.split(both) if part]


def host_of(written: str) -> str:
    """``https://www.acme.com/about`` gives ``www.acme.com``; a page of a shared site gives none."""
    rest = written.partition("://")[2] or written
    return rest.partition("/")[0].rpartition("@")[2].partition(":")[0]


def _country(text: str) -> str | None:
    code = text.upper()
    code = MISTAKEN.get(code, code)
    if code and code not in COUNTRIES:
        raise _Wrong("country", f"{text!r} is no country code of two letters")
    return code or None


def _owners(row: Mapping[str, str]) -> dict[str, str]:
    owners = {
        level.value: row[column] for column, level in _OWNER_COLUMNS.items() if row.get(column)
    }
    kind = row.get("owner_kind") or Level.ACCOUNT.value
    kinds = [level.value for level in OWNER_KINDS]
    if kind not in kinds:
        raise _Wrong("owner_kind", f"{kind!r} is none of {', '.join(kinds)}")
    if row.get("owner"):
        owners[kind] = row["owner"]
    return owners


def _flag(row: Mapping[str, str], column: str) -> bool:
    text = row.get(column, "").casefold()
    if text not in _YES | _NO:
        raise _Wrong(column, f"{text!r} is neither yes nor no")
    return text in _YES


def _count(text: str) -> int:
    if text and not (text.isascii() and text.isdigit() and len(text) < 9):
        raise _Wrong("contacts", f"{text!r} is no number")
    return int(text or 0)


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text[:10]) if text else None
    except ValueError:
        raise _Wrong("since", f"{text!r} is no date; write it as 2024-05-31") from None


def _notes(
    line: int, header: list[str], row: list[str], company: Company, is_person: Callable[[str], bool]
) -> Iterator[LineFault]:
    cells: dict[str, Any] = dict(zip(header, row, strict=False))
    for written in _written(cells):
        if company_domain(registrable_domain(host_of(written))) not in company.domains:
            yield LineFault(line, "domains", f"{written} is not one company's domain: left out")
    for kind, owner in company.owners.items():
        if not is_person(owner):
            yield LineFault(line, "owner", f"{owner} ({kind}) is nobody in teams.yaml")
