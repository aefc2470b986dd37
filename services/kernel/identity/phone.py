"""Telephone numbers in E.164, by Google's libphonenumber."""

from __future__ import annotations

from enum import StrEnum

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberType


class PhoneType(StrEnum):
    """What kind of line a number is."""

    MOBILE = "mobile"
    FIXED = "fixed"
    FIXED_OR_MOBILE = "fixed_or_mobile"
    """The numbering plan does not tell (North America)."""
    TOLL_FREE = "toll_free"
    SHARED_COST = "shared_cost"
    PREMIUM = "premium"
    VOIP = "voip"
    OTHER = "other"


_TYPES = {
    PhoneNumberType.MOBILE: PhoneType.MOBILE,
    PhoneNumberType.PERSONAL_NUMBER: PhoneType.MOBILE,
    PhoneNumberType.FIXED_LINE: PhoneType.FIXED,
    PhoneNumberType.FIXED_LINE_OR_MOBILE: PhoneType.FIXED_OR_MOBILE,
    PhoneNumberType.TOLL_FREE: PhoneType.TOLL_FREE,
    PhoneNumberType.SHARED_COST: PhoneType.SHARED_COST,
    PhoneNumberType.PREMIUM_RATE: PhoneType.PREMIUM,
    PhoneNumberType.VOIP: PhoneType.VOIP,
}

_OF_COMPANIES = frozenset({PhoneType.TOLL_FREE, PhoneType.SHARED_COST, PhoneType.PREMIUM})


def normalise_phone(raw: str | None, country: str | None = None) -> str | None:
    """E.164 of a number that its country's numbering plan knows, else None.

    :param country: ISO 3166-1 alpha-2, for numbers written the national way.

    An extension is lost (E.164 has none): for identity take :func:`personal_phone`.
    """
    number = _parse(raw, country)
    return None if number is None else _e164(number)


def personal_phone(raw: str | None, country: str | None = None) -> str | None:
    """E.164 of a number that may stand for one person, else None.

    A number with an extension is a switchboard, and toll-free numbers belong to companies: taking
    either for a person would make one lead of two strangers.
    """
    number = _parse(raw, country)
    if number is None or number.extension or line_type(number) in _OF_COMPANIES:
        return None
    return _e164(number)


def impossible_phone(raw: str | None, country: str | None = None) -> bool:
    """True for what no numbering plan can hold: too few digits, too many, or one digit only.

    A number that is merely not known to be in use is possible: plans grow. So is a national one
    of a country that is not known, if it has 6 to 15 digits. Nothing at all is not impossible.
    """
    text = (raw or "").strip()
    digits = "".join(letter for letter in text if letter.isdecimal())
    if not text:
        return False
    if len(digits) > 18 or len(set(digits)) == 1:
        return True
    if len(digits) < 6:  # a few old numbers of small places are as short, and known
        return normalise_phone(text, country) is None
    try:
        number = phonenumbers.parse(text, (country or "").strip().upper() or None)
    except phonenumbers.NumberParseException as error:
        # Without its country a national number cannot be judged.
        return error.error_type != phonenumbers.NumberParseException.INVALID_COUNTRY_CODE
    return not phonenumbers.is_possible_number(number)


def phone_country(e164: str) -> str | None:
    """ISO 3166-1 alpha-2 of an E.164 number; None where the number belongs to no one country."""
    number = _parse(e164, None)
    region = None if number is None else phonenumbers.region_code_for_number(number)
    return region if region and region.isalpha() else None


def phone_type(e164: str) -> PhoneType | None:
    """The kind of line of an E.164 number; None where it is not valid."""
    number = _parse(e164, None)
    return None if number is None else line_type(number)


def _parse(raw: str | None, country: str | None) -> PhoneNumber | None:
    text = (raw or "").strip()
    if not text:
        return None
    region = (country or "").strip().upper() or None
    if region is None and text.startswith("00"):
        # Without a country 00 can only be the international prefix of most of the world.
        text = f"+{text[2:]}"
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    return number if phonenumbers.is_valid_number(number) else None


def line_type(number: PhoneNumber) -> PhoneType:
    """The kind of line of a number that is parsed already."""
    return _TYPES.get(phonenumbers.number_type(number), PhoneType.OTHER)


def _e164(number: PhoneNumber) -> str:
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
