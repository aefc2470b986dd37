"""What a field may hold: one check for each, because a provider may be wrong or hostile."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import date
from enum import StrEnum
from typing import Any, get_args

from services.enrichment.providers.settings import BuyableField
from services.kernel.countries import COUNTRIES
from services.kernel.identity.phone import normalise_phone
from services.kernel.vocabulary import Department, EmailStatus, MailProvider, Seniority

_LONGEST_TEXT = 200
_MOST_PEOPLE = 10_000_000
_MOST_TECHNOLOGIES, _LONGEST_TECHNOLOGY = 50, 60
_LINKEDIN = re.compile(
    r"^(?:https?://)?(?:[a-z]{2,3}\.)?linkedin\.com/(in|pub)/([^/?#\s]{1,150})/?(?:[?#].*)?$",
    re.IGNORECASE,
)
_ZONE = re.compile(r"^(?:[A-Z][A-Za-z_]+(?:/[A-Za-z0-9_+-]+){1,2})$")

Value = str | int | list[str]


class WrongValueError(ValueError):
    """The answer holds something else than the field can be."""


def checked(field: str, raw: Any) -> Value:
    """The value of a field.

    :raises WrongValueError: where it has not the type, the range or the vocabulary of the field.
    """
    return _VALID[field](raw)


def _text(raw: Any) -> str:
    if not isinstance(raw, str):
        raise WrongValueError("is not text")
    text = raw.strip()
    if not 0 < len(text) <= _LONGEST_TEXT:
        raise WrongValueError(f"is not 1 to {_LONGEST_TEXT} characters long")
    if any(unicodedata.category(letter).startswith("C") for letter in text):
        raise WrongValueError("holds control characters")
    return text


def _people(raw: Any) -> Value:
    if isinstance(raw, str) and raw.isascii() and raw.isdigit() and len(raw) < 12:
        raw = int(raw)
    if isinstance(raw, float) and raw.is_integer():
        raw = int(raw)
    if isinstance(raw, bool) or not isinstance(raw, int):
        raise WrongValueError("is not a whole number")
    if not 0 < raw <= _MOST_PEOPLE:
        raise WrongValueError("is out of range")
    return raw


def _country(raw: Any) -> Value:
    code = _text(raw).upper()
    if code not in COUNTRIES:
        raise WrongValueError("is no ISO 3166-1 alpha-2 code")
    return code


def _one_of(words: type[StrEnum]) -> Callable[[Any], Value]:
    known = frozenset(member.value for member in words)

    def check(raw: Any) -> Value:
        word = _slug(raw)
        if word not in known:
            raise WrongValueError("is not one of our words")
        return word

    return check


def _slug(raw: Any) -> str:
    return re.sub(r"[\s/-]+", "_", _text(raw).casefold()).strip("_")


def _phone(raw: Any) -> Value:
    number = normalise_phone(_text(raw))
    if number is None:
        raise WrongValueError("is no phone number in international form")
    return number


def _technologies(raw: Any) -> Value:
    if not isinstance(raw, list):
        raise WrongValueError("is not a list")
    names = (one.strip() for one in raw if isinstance(one, str))
    kept = [name.casefold() for name in names if 0 < len(name) <= _LONGEST_TECHNOLOGY]
    clean = [name for name in kept if name.isprintable()]
    if not clean:
        raise WrongValueError("holds no name")
    return list(dict.fromkeys(clean))[:_MOST_TECHNOLOGIES]


def _linkedin(raw: Any) -> Value:
    found = _LINKEDIN.match(_text(raw))
    if found is None:
        raise WrongValueError("is no LinkedIn profile of a person")
    return f"https://www.linkedin.com/{found[1].lower()}/{found[2]}"


def _day(raw: Any) -> Value:
    try:
        return date.fromisoformat(_text(raw)[:10]).isoformat()
    except ValueError:
        raise WrongValueError("is no date") from None


def _zone(raw: Any) -> Value:
    name = _text(raw)
    if not _ZONE.match(name):
        raise WrongValueError("is no IANA time zone")
    return name


_VALID: dict[str, Callable[[Any], Value]] = {
    "company": _text,
    "company_country": _country,
    "country": _country,
    "department": _one_of(Department),
    "direct_dial": _phone,
    "email_status": _one_of(EmailStatus),
    "funding_stage": _slug,
    "headcount": _people,
    "headquarters": _text,
    "industry": _text,
    "linkedin_url": _linkedin,
    "mail_provider": _one_of(MailProvider),
    "phone": _phone,
    "role_confirmed_at": _day,
    "seniority": _one_of(Seniority),
    "technologies": _technologies,
    "time_zone": _zone,
}
assert _VALID.keys() == set(get_args(BuyableField))
