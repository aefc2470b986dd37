"""Small readings that vendors' documents share."""

from __future__ import annotations

from typing import Any

from services.enrichment.offline import headcount
from services.kernel.places import country_code


def mapping(value: Any) -> dict[str, Any]:
    """The object, or an empty one where there is none."""
    return value if isinstance(value, dict) else {}


def texts(value: Any) -> list[str]:
    """The texts of a list; of a list of objects their names."""
    if not isinstance(value, list):
        return []
    named = (one.get("name") if isinstance(one, dict) else one for one in value)
    return [one for one in named if isinstance(one, str)]


def names(*lists: Any) -> list[str] | None:
    """The first list that names anything."""
    return next((found for one in lists if (found := texts(one))), None)


def place(*parts: Any) -> str | None:
    """``City, Region, Country`` of what is known."""
    known = [part.strip() for part in parts if isinstance(part, str) and part.strip()]
    return ", ".join(dict.fromkeys(known)) or None


def country(name: Any) -> str | None:
    """ISO 3166-1 alpha-2 of a country's code or English name; None where it is unknown."""
    return country_code(name) if isinstance(name, str) else None


def people(count: Any, size: Any) -> Any:
    """The count, else the lower end of a range such as ``501-1000``."""
    if count:
        return count
    stated = headcount.read(size) if isinstance(size, str) else None
    return stated.people if stated else None


def first(value: Any) -> Any:
    """The first of a list, else the value itself."""
    if isinstance(value, list):
        return value[0] if value else None
    return value
