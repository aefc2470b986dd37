"""A condition as a tree of values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from services.kernel.faults import Path
from services.kernel.fields import Field, FieldKind


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


_ANY_FIELD = (Op.EQ, Op.NE, Op.IN, Op.NOT_IN, Op.EXISTS, Op.MISSING)

OPERATORS: dict[FieldKind, tuple[Op, ...]] = {
    FieldKind.TEXT: (*_ANY_FIELD, Op.CONTAINS, Op.STARTS_WITH, Op.ENDS_WITH),
    FieldKind.NUMBER: (*_ANY_FIELD, Op.GT, Op.GTE, Op.LT, Op.LTE, Op.BETWEEN),
    FieldKind.FLAG: (Op.EQ, Op.NE, Op.EXISTS, Op.MISSING),
    FieldKind.CHOICE: _ANY_FIELD,
    FieldKind.COUNTRY: _ANY_FIELD,
}
"""Which operators a type has."""

SETS = frozenset({Op.IN, Op.NOT_IN})
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
    """A tuple for sets, ranges and several parts; True for presence."""


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


Node = Leaf | All | AnyOf | Not


def leaves(node: Node) -> Iterator[Leaf]:
    """Every question of a tree, in the order in which it is written."""
    match node:
        case Leaf():
            yield node
        case Not(child=child):
            yield from leaves(child)
        case All(children=children) | AnyOf(children=children):
            for one in children:
                yield from leaves(one)
