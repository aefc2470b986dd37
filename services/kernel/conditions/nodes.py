"""A condition as a tree of values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from services.kernel.faults import Path
from services.kernel.fields import Field, FieldKind

Facts = Mapping[str, object]
Verdict = bool | None
"""None: unknown."""
Test = Callable[[Facts], Verdict]


class Op(StrEnum):
    """What can be asked of a field."""

    EQ = "eq"
    NE = "ne"
    IN = "in"
    NOT_IN = "not_in"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    BETWEEN = "between"
    CONTAINS = "contains"
    STARTS_WITH = "starts_with"
    ENDS_WITH = "ends_with"
    EXISTS = "exists"
    MISSING = "missing"
    ANY_OF = "any_of"
    ALL_OF = "all_of"
    NONE_OF = "none_of"
    WITHIN = "within"
    """Not longer ago than so long; a moment to come is not within it."""
    OLDER_THAN = "older_than"
    BEFORE = "before"
    AFTER = "after"
    """That moment itself included."""


_ANY_FIELD = (Op.EQ, Op.NE, Op.IN, Op.NOT_IN, Op.EXISTS, Op.MISSING)

OPERATORS: dict[FieldKind, tuple[Op, ...]] = {
    FieldKind.TEXT: (*_ANY_FIELD, Op.CONTAINS, Op.STARTS_WITH, Op.ENDS_WITH),
    FieldKind.NUMBER: (*_ANY_FIELD, Op.GT, Op.GTE, Op.LT, Op.LTE, Op.BETWEEN),
    FieldKind.FLAG: (Op.EQ, Op.NE, Op.EXISTS, Op.MISSING),
    FieldKind.CHOICE: _ANY_FIELD,
    FieldKind.COUNTRY: _ANY_FIELD,
    FieldKind.INSTANT: (
        *(Op.WITHIN, Op.OLDER_THAN, Op.BEFORE, Op.AFTER),
        *(Op.EXISTS, Op.MISSING),
    ),
    FieldKind.TAGS: (Op.ANY_OF, Op.ALL_OF, Op.NONE_OF, Op.EXISTS, Op.MISSING),
}
"""Which operators a type has."""

SETS = frozenset({Op.IN, Op.NOT_IN})
TAGGED = frozenset({Op.ANY_OF, Op.ALL_OF, Op.NONE_OF})
LENGTHS = frozenset({Op.WITHIN, Op.OLDER_THAN})
COUNTS = (Op.EQ, Op.NE, Op.GT, Op.GTE, Op.LT, Op.LTE, Op.BETWEEN)
"""What may be asked of a count."""
PARTS = frozenset({Op.CONTAINS, Op.STARTS_WITH, Op.ENDS_WITH})
PRESENCE = frozenset({Op.EXISTS, Op.MISSING})

Value = str | int | float | bool
Want = Value | tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Leaf:
    """One question about one field."""

    path: Path
    field: str
    """The full name, which for a family is longer than the field's own."""
    about: Field
    op: Op
    want: Want
    """A tuple for sets, ranges and several parts; True for presence; seconds for time."""


@dataclass(frozen=True, slots=True)
class All:
    """True where every child is."""

    path: Path
    children: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """True where at least one child is."""

    path: Path
    children: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """True where the child is false; unknown stays unknown."""

    path: Path
    child: Node


@dataclass(frozen=True, slots=True)
class Count:
    """How many of a lead's activities are such, as a number that is compared."""

    path: Path
    where: Node | None
    """What one activity must be to be counted; its fields are those of the activity."""
    within: float | None
    """Seconds back from now; None: however long ago."""
    count: tuple[Leaf, ...]
    """All of them must hold of the number, which they read as ``count``."""


Node = Leaf | All | AnyOf | Not | Count


def leaves(node: Node) -> Iterator[Leaf]:
    """Every question about the lead itself, in the order in which it is written."""
    match node:
        case Leaf():
            yield node
        case Not(child=child):
            yield from leaves(child)
        case Count():
            return
        case All(children=children) | AnyOf(children=children):
            for one in children:
                yield from leaves(one)
