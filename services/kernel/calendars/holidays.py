"""Public holidays by country and subdivision. Source: the package ``holidays``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import lru_cache

from holidays import country_holidays, list_supported_countries

from services.kernel.faults import did_you_mean


@lru_cache(maxsize=4_096)
def public_holidays(country: str, subdivision: str | None, year: int) -> Mapping[date, str]:
    """The days off of one year with their names, English where the package has them.

    :raises NotImplementedError: for a country or subdivision that the package does not know.
    """
    found = country_holidays(country, subdiv=subdivision, years=year, language="en_US")
    return dict(found.items())


def unknown_place(country: str, subdivision: str | None) -> str | None:
    """What is wrong with a place, or None where its holidays are known."""
    places = list_supported_countries(include_aliases=True)
    if country not in places:
        return f"no holidays are known for country {country}"
    if subdivision is not None and subdivision not in places[country]:
        hint = did_you_mean(subdivision, places[country])
        return f"no holidays are known for {country} {subdivision}{hint}"
    return None


@lru_cache(maxsize=256)
def holiday_names(country: str, subdivision: str | None) -> frozenset[str]:
    """Names that occur in some years around now, case-folded; for checking what people write."""
    return frozenset(
        plain_name(part)
        for year in range(2024, 2034)
        for name in public_holidays(country, subdivision, year).values()
        for part in name.split("; ")
    )


def plain_name(name: str) -> str:
    """The name without remarks such as ``(observed)``, case-folded."""
    return name.partition(" (")[0].strip().casefold()
