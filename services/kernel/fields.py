"""What a rule may ask about: named, typed fields."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from services.kernel.countries import COUNTRIES


class FieldKind(StrEnum):
    """The type of a field, which decides what may be asked of it."""

    TEXT = "text"
    NUMBER = "number"
    FLAG = "flag"
    CHOICE = "choice"
    COUNTRY = "country"


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that is known about a lead."""

    name: str
    kind: FieldKind
    description: str
    members: tuple[str, ...] = ()
    """The values of a choice."""
    personal: bool = False
    """True where the value identifies a person; such values stay out of stored traces."""

    @property
    def values(self) -> tuple[str, ...]:
        """The closed list of values, where there is one."""
        return COUNTRIES if self.kind is FieldKind.COUNTRY else self.members

    def coerce(self, value: object) -> object | None:
        """The value as this field's type, None where it is none or says nothing.

        A provider's ``"450"`` is a number and ``"true"`` a flag; nothing is guessed beyond that.
        """
        match self.kind:
            case FieldKind.NUMBER:
                return _number(value)
            case FieldKind.FLAG:
                return _flag(value)
            case FieldKind.TEXT | FieldKind.CHOICE | FieldKind.COUNTRY:
                return _text(value)


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
        return FieldSet(
            tuple(one for one in self.fields if one.name not in left_out), self.families
        )
