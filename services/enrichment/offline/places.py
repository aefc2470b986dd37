"""Where a person is, and what time it is there, from what they said and wrote.

Country, the best evidence first: the form, the phone, the top-level domain, the language of the
browser. (The address that a form was sent from stands between the last two; it is a provider's.)
Time zone: the country's, or the phone prefix's where the country has several clocks.
"""

from __future__ import annotations

from dataclasses import dataclass

from services.enrichment.offline.phones import Number
from services.enrichment.offline.zones import SHARE, ZONES

_FORM, _PHONE, _TLD, _LANGUAGE = 0.95, 0.85, 0.7, 0.4
_PREFIX_ZONE = 0.8  # numbers move with their owners, within a country too

# Country codes that the world uses as generic endings; they say nothing about a place.
_GENERIC_TLDS = frozenset(
    {
        "ac", "ai", "am", "as", "bz", "cc", "cd", "co", "cx", "dj", "fm", "gg", "gl", "gs", "im",
        "io", "je", "la", "li", "ly", "me", "ms", "mu", "nu", "pw", "sc", "sh", "so", "st", "su",
        "tk", "to", "tv", "vc", "vg", "ws",
    }
)  # fmt: skip
_TLD_COUNTRIES = {"uk": "GB"}


@dataclass(frozen=True, slots=True)
class Place:
    """A country or a time zone, with the evidence for it."""

    value: str
    evidence: str
    """``form`` or ``derived:<what>``."""
    confidence: float


def country(
    stated: str | None,
    phone_country: str | None,
    domain: str | None,
    spoken: str | None = None,
) -> Place | None:
    """Where the person is.

    :param stated: ISO 3166-1 alpha-2 from the form.
    :param phone_country: of the phone number.
    :param domain: a business domain; its ending counts where it is a country's own.
    :param spoken: the country that a language points to.
    """
    if stated:
        return Place(stated, "form", _FORM)
    if phone_country:
        return Place(phone_country, "derived:phone", _PHONE)
    from_domain = _of_domain(domain)
    if from_domain:
        return Place(from_domain, "derived:tld", _TLD)
    return Place(spoken, "derived:language", _LANGUAGE) if spoken else None


def time_zone(where: Place, number: Number | None) -> Place | None:
    """The clock by which the person most likely lives.

    :param number: their phone; a foreign one moves no clock.
    """
    if number is not None and number.zone and number.country == where.value:
        return Place(number.zone, "derived:phone", round(where.confidence * _PREFIX_ZONE, 2))
    zone = ZONES.get(where.value)
    if zone is None:
        return None
    share = SHARE.get(where.value, 1.0)
    return Place(zone, "derived:country", round(where.confidence * share, 2))


def _of_domain(domain: str | None) -> str | None:
    if not domain:
        return None
    ending = domain.rpartition(".")[2]
    if ending in _TLD_COUNTRIES:
        return _TLD_COUNTRIES[ending]
    code = ending.upper()
    return code if code in ZONES and ending not in _GENERIC_TLDS else None
