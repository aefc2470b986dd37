"""What a rule may ask about: named, typed fields."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from enum import StrEnum

from services.kernel.countries import COUNTRIES

ACTIVITIES = "activities"
"""Where facts hold what happened, newest first."""
NOW = "now"
"""Where facts hold the moment for which a rule is asked."""
MOST_ACTIVITIES = 500
"""Of one lead, the newest: a count looks no further, so that its cost is bounded."""


class FieldKind(StrEnum):
    """The type of a field, which decides what may be asked of it."""

    TEXT = "text"
    NUMBER = "number"
    FLAG = "flag"
    CHOICE = "choice"
    COUNTRY = "country"
    INSTANT = "instant"
    """A point in time; facts hold it as seconds since 1970 (UTC)."""
    TAGS = "tags"
    """Several words at once; facts hold them as a list."""


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that is known about a lead."""

    name: str
    kind: FieldKind
    description: str
    members: tuple[str, ...] = ()
    """The values of a choice."""
    closed: bool = False
    """True where facts always hold one of these."""
    personal: bool = False
    """True where the value identifies a person; such values stay out of stored traces."""

    @property
    def values(self) -> tuple[str, ...]:
        """The closed list of values, where there is one."""
        return COUNTRIES if self.kind is FieldKind.COUNTRY else self.members

    def coerce(self, value: object) -> object | None:
        """The value as this field's type, None where it is none or says nothing.

        A provider's ``"450"`` is a number, ``"true"`` a flag and ``"2026-03-01"`` an instant;
        nothing is guessed beyond that.
        """
        match self.kind:
            case FieldKind.NUMBER:
                return _number(value)
            case FieldKind.FLAG:
                return _flag(value)
            case FieldKind.TEXT | FieldKind.CHOICE | FieldKind.COUNTRY:
                return _text(value)
            case FieldKind.INSTANT:
                return seconds_of(value)
            case FieldKind.TAGS:
                return _tags(value)


def seconds_of(value: object) -> float | None:
    """A date, a time or its ISO 8601 text as seconds since 1970; UTC where no zone is named."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    if not isinstance(value, datetime):
        return None
    return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()


def _tags(value: object) -> list[str] | None:
    if not isinstance(value, list | tuple):
        return None
    return [word for one in value if (word := _text(one))] or None


def _text(value: object) -> str | None:
    return (value.strip() or None) if isinstance(value, str) else None


def _number(value: object) -> int | float | None:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
        value = int(value) if value.is_integer() else value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if math.isfinite(value) else None


def _flag(value: object) -> bool | None:
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.casefold())
    return value if isinstance(value, bool) else None


@dataclass(frozen=True)
class FieldSet:
    """The fields that one kind of rule may ask about."""

    fields: tuple[Field, ...]
    families: tuple[Field, ...] = ()
    """Fields whose names only the installation knows: ``lead.fields.`` stands for each of them."""
    counted: tuple[Field, ...] = ()
    """What ``activities:`` may ask of one activity; empty where no activities are known."""
    _by_name: Mapping[str, Field] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_name", {one.name: one for one in self.fields})

    def __iter__(self) -> Iterator[Field]:
        return iter(self.fields)

    def __contains__(self, name: str) -> bool:
        return self.find(name) is not None

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._by_name)

    def find(self, name: str) -> Field | None:
        """The field of that name, or the family that it belongs to."""
        known = self._by_name.get(name)
        if known is not None:
            return known
        return next(
            (one for one in self.families if name.startswith(one.name) and name != one.name), None
        )

    def without(self, names: Iterable[str]) -> FieldSet:
        """These fields less some: what is not yet known where the rule runs."""
        left_out = frozenset(names)
        return replace(self, fields=tuple(one for one in self if one.name not in left_out))

    def counting(self, counted: Iterable[Field]) -> FieldSet:
        """These fields for rules that may count activities, by these fields of an activity."""
        return replace(self, counted=tuple(counted))
