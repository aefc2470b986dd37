"""JSON from strangers: parsed once, strictly, with bounds.

Everything here is about bytes that somebody else chose. What this module lets through can be
stored in Postgres as text, counted and compared; what it does not raises :class:`Unparsable` with
a sentence that names the place and never the value.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from pydantic_core import from_json

MAX_DEPTH = 32
MAX_MEMBERS = 2_000
"""Object members and array elements of one body."""


class Unparsable(ValueError):
    """The body cannot be read as what its source sends; the message says why, never the value."""


def parse_json(raw: bytes) -> Any:
    """The value of a UTF-8 JSON text.

    Refuses what parsers disagree about and what databases cannot hold: duplicate keys, NUL and lone
    surrogates, numbers that are not finite or endless, nesting beyond ``MAX_DEPTH``.

    :raises Unparsable: with the reason.
    """
    brackets = raw.count(b"[") + raw.count(b"{")
    if brackets > MAX_MEMBERS or raw.count(b",") > MAX_MEMBERS:
        raise Unparsable(f"more than {MAX_MEMBERS} members")
    if brackets <= MAX_DEPTH and (plain := _plain(raw)) is not None:
        return plain
    return _inspected(raw, brackets)


def _plain(raw: bytes) -> Any:
    """The value of a text about which there is nothing to ask: most are so. None for any other.

    A third of the work of :func:`_inspected`, whose answer would be the same (property test).
    Without a backslash every text stands between two quotes. So where there are twice as many
    quotes as the value has names and texts, no name stood there twice.
    """
    if b"\\" in raw:
        return None
    try:
        value = from_json(raw, allow_inf_nan=False)
    except ValueError:
        return None
    return value if 2 * _texts_in((value,)) == raw.count(b'"') else None


_MANY: Final = -1_000_000
_WORD: Final = 1 << 62


def _texts_in(values: Iterable[Any]) -> int:
    """How many names and texts are in values; a negative number where numbers are to be looked
    at."""
    found = 0
    for value in values:
        if isinstance(value, str):
            found += 1
        elif isinstance(value, dict):
            found += len(value) + _texts_in(value.values())
        elif isinstance(value, list):
            found += _texts_in(value)
        # True and False are numbers too, and small ones.
        elif value is not None and not (isinstance(value, int) and -_WORD < value < _WORD):
            found += _MANY
    return found


def _inspected(raw: bytes, brackets: int) -> Any:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unparsable("not UTF-8") from None
    try:
        value = _DECODER.decode(text)
    except Unparsable:
        raise
    except RecursionError:
        raise Unparsable(f"nested deeper than {MAX_DEPTH}") from None
    except ValueError as error:
        # json's own message holds a position; the one about long integers holds a digit count.
        raise Unparsable(f"not JSON: {error}") from None
    # Only a text with escapes can hold NUL or half a pair; only one with many brackets is deep.
    if isinstance(value, dict | list) and brackets > MAX_DEPTH:
        _inspect_depth(value, 0)
    if b"\\u" in raw:
        _inspect_texts(value)
    return value


def parse_object(raw: bytes) -> dict[str, Any]:
    """As :func:`parse_json`, for a text that must be an object."""
    value = parse_json(raw)
    if not isinstance(value, dict):
        raise Unparsable("not a JSON object")
    return value


def text_of(value: Any) -> str:
    """Any JSON value as text: strings as they are, the rest as compact JSON."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case None:
            return ""
        case int() | float():
            return str(value)
        case _:
            return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def compact(value: Any, *, sort_keys: bool = False) -> bytes:
    """A JSON value as bytes, without a space more than it needs."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=sort_keys, separators=(",", ":"))
    return text.encode(errors="surrogatepass")


def object_in(value: Any, name: str) -> dict[str, Any]:
    """A member that must be an object.

    :raises Unparsable: it is none; the message has its ``name``.
    """
    if not isinstance(value, dict):
        raise Unparsable(f"{name} is missing or no object")
    return value


def object_or_none(value: Any) -> Mapping[str, Any]:
    """A member that may be an object; an empty one where it is none."""
    return value if isinstance(value, dict) else {}


def moment_of_ms(milliseconds: Any) -> datetime | None:
    """A moment from Unix time in milliseconds; None for what is none."""
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int):
        return None
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Unparsable("an object names a member twice")
    return found


def _constant(name: str) -> Any:
    raise Unparsable(f"{name} is no JSON number")


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise Unparsable("a number beyond the range of a double")
    return value


_DECODER = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_constant=_constant, parse_float=_number, strict=True
)


def _inspect_depth(value: dict[str, Any] | list[Any], depth: int) -> None:
    if depth == MAX_DEPTH and value:
        raise Unparsable(f"nested deeper than {MAX_DEPTH}")
    for member in value.values() if isinstance(value, dict) else value:
        if isinstance(member, dict | list):
            _inspect_depth(member, depth + 1)


def _inspect_texts(value: Any) -> None:
    match value:
        case str():
            _inspect_text(value)
        case list():
            for element in value:
                _inspect_texts(element)
        case dict():
            for name, member in value.items():
                _inspect_text(name)
                _inspect_texts(member)


def _inspect_text(text: str) -> None:
    if "\0" in text:
        raise Unparsable("a text holds NUL")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Unparsable("a text holds half a surrogate pair") from None
