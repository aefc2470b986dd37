"""Configurations, accounts and leads of a given size; the same for the same numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from schemas.score import LeadScored
from services.kernel.countries import COUNTRIES
from services.routing.companies import Company
from tests.integration.routing.leads import CALENDARS, scored

_FIRST = ("Acme", "Nord", "Blue", "Terra", "Solar", "Quant", "Vega", "Delta", "Orbit", "Prime")
_SECOND = ("Systems", "Foods", "Logistics", "Robotics", "Health", "Energy", "Media", "Works")
_FORMS = ("GmbH", "Inc.", "SA", "Ltd", "AG")
_INDUSTRIES = ("software", "retail", "banking", "logistics", "health")


@dataclass(frozen=True, slots=True)
class Size:
    """How large everything is."""

    reps: int
    rules: int
    territory_rows: int
    accounts: int


def company(number: int) -> Company:
    """Account ``number``, owned by nobody who takes leads, so that the whole way is walked."""
    name = f"{_FIRST[number % 10]}{number // 80} {_SECOND[number // 10 % 8]} {_FORMS[number % 5]}"
    return Company(
        company_id=f"{number:08}",
        name=name,
        domains=(f"account{number}.example",),
        country=COUNTRIES[number % len(COUNTRIES)],
        postal_code=f"{number % 100_000:05}",
        owners={"account": "somebody.who.left"},
    )


def companies_of(numbers: Iterable[int]) -> list[Company]:
    return [company(number) for number in numbers]


def leads(size: Size, name: str, count: int) -> list[LeadScored]:
    """Half from companies of the accounts table, a quarter told by name, the others strangers."""
    return [_lead(size, name, at) for at in range(count)]


def _lead(size: Size, name: str, at: int) -> LeadScored:
    number = (at * 7919 + len(name) * 104_729) % size.accounts
    known = company(number)
    domain = known.domains[0] if at % 2 else f"{name}{at}.example"
    facts: dict[str, object] = {
        "country": known.country,
        "headcount": number % 5_000,
        "industry": _INDUSTRIES[number % 5],
        "postal_code": known.postal_code,
    }
    if at % 4 == 0:
        facts["company"] = known.name.upper()
    return scored(f"{name}{at}@{domain}", facts=facts)


@lru_cache(maxsize=4)
def territories(rows: int) -> str:
    """Postal ranges in every country; the lead's own is one of them."""
    per_country = max(1, rows // len(COUNTRIES))
    width = max(1, 100_000 // per_country)
    lines = ["territory,pool,country,postal_from,postal_to"]
    for country in COUNTRIES:
        for start in range(0, 100_000, width):
            end = min(start + width - 1, 99_999)
            lines.append(f"{country}-{start},desk,{country},{start:05},{end:05}")
            if len(lines) > rows:
                return "\n".join(lines)
    return "\n".join(lines)


def _rule(at: int) -> str:
    """Does not fire: most by country and size, as such rules go, every tenth by size alone."""
    big = f"company.headcount: {{gte: {10_000 + at}}}"
    if at % 10 == 0:
        return f"  - {{id: rule-{at}, when: {{{big}}}, pool: desk}}"
    some = ", ".join(f'"{COUNTRIES[(at * 7 + step) % len(COUNTRIES)]}"' for step in range(3))
    return f"  - {{id: rule-{at}, when: {{country.resolved: [{some}], {big}}}, pool: desk}}"


def configuration(size: Size) -> dict[str, str]:
    """Rules that do not fire, then one by territory."""
    reps = [f"rep{at:04}" for at in range(size.reps)]
    people = "\n".join(
        f"  - {{id: {rep}, name: {rep}, email: {rep}@example.com, role: sdr, time_zone: UTC,"
        f" calendar: always}}"
        for rep in reps
    )
    rules = "\n".join(_rule(at) for at in range(size.rules - 1))
    return {
        "calendars.yaml": CALENDARS,
        "teams.yaml": f"reps:\n{people}\npools:\n"
        f"  - {{id: desk, role: sdr, members: [{', '.join(reps)}]}}\n",
        "territories.yaml": "tables:\n  field: {file: field.csv}\n",
        "field.csv": territories(size.territory_rows),
        "routing.yaml": f"rules:\n{rules}\n"
        "  - {id: field, when: {tier: [hot, warm]}, territory: field}\n"
        "catch_all: {pool: desk}\n",
    }
