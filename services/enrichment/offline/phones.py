"""What a phone number says: its country, its kind of line, and the clock of its prefix.

One parse for all three: parsing is what costs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import phonenumbers
from phonenumbers import PhoneNumber
from phonenumbers import timezone as prefixes

from services.enrichment.offline.zones import SHARE
from services.kernel.identity.phone import PhoneType, line_type

_UNMOVED = (PhoneType.FIXED, PhoneType.FIXED_OR_MOBILE, PhoneType.MOBILE)


@dataclass(frozen=True, slots=True)
class Number:
    """A valid number."""

    country: str | None
    """ISO 3166-1 alpha-2; None where the number belongs to no one country."""
    kind: PhoneType
    zone: str | None
    """IANA zone of the prefix, where its country has several clocks and the prefix has one."""


@lru_cache(maxsize=4096)
def read(e164: str) -> Number | None:
    """What a number in E.164 says; None where no numbering plan knows it."""
    try:
        number = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return None
    region = phonenumbers.region_code_for_number(number)
    if region is None:
        return None
    country = region if region.isalpha() else None
    kind = line_type(number)
    return Number(country, kind, _zone(number, country, kind))


def _zone(number: PhoneNumber, country: str | None, kind: PhoneType) -> str | None:
    if country not in SHARE or kind not in _UNMOVED:
        return None
    zones = prefixes.time_zones_for_geographical_number(number)
    return zones[0] if len(zones) == 1 and zones[0] != prefixes.UNKNOWN_TIMEZONE else None
