"""The company's own table of other companies, from CSV: which column is what, and each row's facts.

Pure: lines in, rows and faults out; the command reads the file and stores what is good.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from services.enrichment.offline import headcount
from services.enrichment.providers.contract import field_set
from services.enrichment.providers.values import Value, WrongValueError, checked
from services.kernel.identity import EmailClass, email_class, registrable_domain
from services.kernel.places import country_code

DOMAIN = "domain"
FIELDS = field_set(
    "company company_country funding_stage headcount headquarters industry phone technologies"
)
"""What a row may say, beside its domain."""

_NAMES: Mapping[str, str] = {
    DOMAIN: "domain website url web companydomain companywebsite homepage webseite",
    "company": "company name companyname account accountname organisation organization firma",
    "company_country": "country companycountry billingcountry hqcountry land",
    "funding_stage": "fundingstage funding lastround latestfunding",
    "headcount": "headcount employees employeecount numberofemployees noofemployees companysize "
    "size mitarbeiter mitarbeiterzahl",
    "headquarters": "headquarters hq city location billingcity sitz ort",
    "industry": "industry sector branche vertical",
    "phone": "phone telephone companyphone telefon",
    "technologies": "technologies technology techstack tech stack",
}
_LONGEST_CELL = 2000


@dataclass(frozen=True, slots=True)
class Company:
    """One row."""

    domain: str
    facts: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class RowFault:
    """What is wrong with a line of the file."""

    line: int
    message: str
    dropped: bool
    """The whole row; else one value of it."""


class TableError(Exception):
    """The file cannot be read as a table of companies; one line for a person."""


def columns(header: Sequence[str], chosen: Mapping[str, str]) -> dict[str, int]:
    """Field to column: as chosen, the rest by the usual names.

    :param chosen: field to the name of its column.
    :raises TableError: for a field or a column that there is not, or without a domain.
    """
    titles = [title.strip().lstrip("\ufeff") for title in header]
    found: dict[str, int] = {}
    for field, title in chosen.items():
        if field not in FIELDS | {DOMAIN}:
            raise TableError(f"{field} is no field; there are {', '.join(sorted(_NAMES))}")
        if title not in titles:
            raise TableError(f"there is no column {title!r}; there are {', '.join(titles)}")
        found[field] = titles.index(title)
    for index, title in enumerate(titles):
        plain = re.sub(r"[\W_]", "", title.casefold())
        for field, names in _NAMES.items():
            if plain in names.split() and field not in found and index not in found.values():
                found[field] = index
    if DOMAIN not in found:
        raise TableError("no column is a domain or website; say which: --map domain=COLUMN")
    return found


def reader(lines: Iterable[str]) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """The header, and each row with the number of its last line.

    :raises TableError: where there is no header, or a row is not CSV.
    """
    lines = iter(lines)
    first = next(lines, "")
    if not first.strip():
        raise TableError("the file is empty")
    delimiter = max(",;\t|", key=first.count)
    found = csv.reader(_again(first, lines), delimiter=delimiter, strict=True)
    header = next(found)

    def numbered() -> Iterator[tuple[int, list[str]]]:
        while True:
            try:
                row = next(found)
            except StopIteration:
                return
            except csv.Error as error:
                raise TableError(f"line {found.line_num}: {error}") from None
            if any(cell.strip() for cell in row):
                yield found.line_num, row

    return header, numbered()


def company(
    line: int, row: Sequence[str], where: Mapping[str, int]
) -> tuple[Company | None, list[RowFault]]:
    """What one row says. A value that is wrong is left out, a row without a domain dropped."""
    cells = {field: row[index].strip() for field, index in where.items() if index < len(row)}
    domain = _domain(cells.pop(DOMAIN, ""))
    if domain is None:
        return None, [RowFault(line, "no company's domain", dropped=True)]
    facts: dict[str, Value] = {}
    faults: list[RowFault] = []
    for field, text in cells.items():
        if not text:
            continue
        try:
            facts[field] = checked(field, _meant(field, text[:_LONGEST_CELL]))
        except WrongValueError as error:
            faults.append(RowFault(line, f"{field} {error}", dropped=False))
    if not facts:
        return None, [*faults, RowFault(line, "nothing is said of the company", dropped=True)]
    return Company(domain, facts), faults


def _again(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


def _domain(text: str) -> str | None:
    host = re.sub(r"^[a-z][a-z0-9+.-]*://", "", text.casefold().strip())
    host = re.split(r"[/?#:]", host.rpartition("@")[2], maxsplit=1)[0]
    found = registrable_domain(host) if host else None
    return found if found and email_class(found) is EmailClass.BUSINESS else None


def _meant(field: str, text: str) -> object:
    match field:
        case "headcount":
            size = headcount.read(text)
            return size.people if size else text
        case "company_country":
            return country_code(text) or text
        case "technologies":
            return [one.strip() for one in re.split(r"[,;|]", text)]
        case _:
            return text
