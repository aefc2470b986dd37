"""Lengths of time as people write them in configuration: ``90s``, ``15m``, ``8h``, ``3d``."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_PATTERN = r"^\s*(\d{1,6})\s*(ms|s|m|h|d)\s*$"
_TEXT = re.compile(_PATTERN)
_UNITS = {
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
    "ms": timedelta(milliseconds=1),
}


def duration(value: object) -> timedelta:
    """:raises ValueError: for anything but a whole number with its unit, or a timedelta."""
    if isinstance(value, timedelta):
        return value
    found = _TEXT.match(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("a length of time is written as 90s, 15m, 8h or 3d")
    return int(found[1]) * _UNITS[found[2]]


def written(length: timedelta) -> str:
    """The shortest way to write a length."""
    for name, unit in _UNITS.items():
        if length % unit == timedelta():
            return f"{length // unit}{name}"
    return f"{length // _UNITS['ms']}ms"


Duration = Annotated[
    timedelta,
    BeforeValidator(duration),
    PlainSerializer(written, return_type=str),
    WithJsonSchema({"type": "string", "pattern": _PATTERN, "examples": ["15m", "8h", "3d"]}),
]
"""A length of time in a configuration model."""
