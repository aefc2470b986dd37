"""What a rule compares with: checked against the field's type while the rule is loaded."""

from __future__ import annotations

import math
from datetime import timedelta

from services.kernel.conditions.nodes import Value
from services.kernel.countries import MISTAKEN
from services.kernel.durations import duration
from services.kernel.faults import did_you_mean
from services.kernel.fields import Field, FieldKind, seconds_of


class Unfit(ValueError):
    """The value is not one that the field can have; the text says why."""


def value_of(field: Field, raw: object) -> Value:
    """A value as the field's type.

    :raises Unfit: names what was expected, with a hint where the cause is a known one.
    """
    match field.kind:
        case FieldKind.NUMBER:
            return _number(field, raw)
        case FieldKind.FLAG:
            return _flag(field, raw)
        case FieldKind.TEXT:
            return _text(field, raw)
        case FieldKind.CHOICE:
            return _member(field, _text(field, raw).casefold())
        case FieldKind.COUNTRY:
            return _country(field, _text(field, raw).upper())
        case FieldKind.TAGS:
            return _text(field, raw)
        case FieldKind.INSTANT:
            return _instant(field, raw)


def _number(field: Field, raw: object) -> int | float:
    if isinstance(raw, bool) or not isinstance(raw, int | float) or not math.isfinite(raw):
        hint = " (write it without quotes)" if isinstance(raw, str) else ""
        raise Unfit(f"{field.name} is a number, not {_shown(raw)}{hint}")
    return raw


def _flag(field: Field, raw: object) -> bool:
    if not isinstance(raw, bool):
        raise Unfit(f"{field.name} is true or false, not {_shown(raw)}")
    return raw


def _text(field: Field, raw: object) -> str:
    if isinstance(raw, str) and raw.strip():
        return raw.strip()
    if raw is False and field.kind is FieldKind.COUNTRY:
        raise Unfit('YAML reads a bare NO as false; write "NO" in quotes for Norway')
    if raw is None or isinstance(raw, str):
        raise Unfit(
            f"nothing to compare {field.name} with; to ask whether it is there, write "
            "{missing: true}"
        )
    hint = " (write it in quotes)" if isinstance(raw, bool | int | float) else ""
    raise Unfit(f"{field.name} is text, not {_shown(raw)}{hint}")


def _instant(field: Field, raw: object) -> float:
    seconds = seconds_of(raw)
    if seconds is None:
        raise Unfit(
            f"{field.name} is compared with a date or a time (2026-03-31), not {_shown(raw)}"
        )
    return seconds


def length_of(raw: object) -> float:
    """A length of time in seconds.

    :raises Unfit: where it is none.
    """
    try:
        length = duration(raw)
    except ValueError as error:
        raise Unfit(str(error)) from None
    if length <= timedelta():
        raise Unfit("a length of time is longer than nothing")
    return length.total_seconds()


def _member(field: Field, word: str) -> str:
    if word not in field.values:
        known = ", ".join(field.values)
        raise Unfit(
            f"{field.name} is never {word!r}{did_you_mean(word, field.values)} (known: {known})"
        )
    return word


def _country(field: Field, code: str) -> str:
    if code in MISTAKEN:
        raise Unfit(f"the code of that country is {MISTAKEN[code]}, not {code}")
    if code not in field.values:
        raise Unfit(f"{code} is no ISO 3166-1 alpha-2 country code")
    return code


def _shown(raw: object) -> str:
    match raw:
        case None:
            return "nothing"
        case bool():
            return str(raw).lower()
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case _:
            return repr(raw)
