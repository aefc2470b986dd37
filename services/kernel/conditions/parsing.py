"""From a tree as YAML gives it to a checked condition.

A mapping means all of its entries, a list of values means one of them, a single value means equal
to it. All faults of a tree are found in one go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.kernel.conditions.counting import NUMBER_OF
from services.kernel.conditions.nodes import (
    COUNTS,
    OPERATORS,
    PRESENCE,
    All,
    AnyOf,
    Count,
    Leaf,
    Node,
    Not,
    Op,
)
from services.kernel.conditions.wants import Wants
from services.kernel.faults import Fault, Path, did_you_mean
from services.kernel.fields import MOST_ACTIVITIES, Field, FieldKind, FieldSet

MAX_DEPTH = 8
MAX_NODES = 200
MAX_COUNTS = 10
"""Counts of activities in one rule; each walks over the activities."""

_GROUPS = ("all", "any", "not", "activities")


class ConditionFaults(ValueError):
    """A tree is no valid condition. ``faults`` lists everything that is wrong, with its path."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(str(fault) for fault in faults))
        self.faults = faults


class _TooLarge(Exception):
    pass


def parse(tree: object, fields: FieldSet) -> Node:
    """The checked tree.

    :raises ConditionFaults: with every fault found.
    """
    parser = _Parser(fields)
    node: Node | None = None
    try:
        node = parser.mapping(tree, (), 1)
    except _TooLarge as error:
        parser.faults.append(Fault((), str(error)))
    if node is None or parser.faults:
        raise ConditionFaults(parser.faults)
    return node


@dataclass
class _Parser:
    fields: FieldSet
    faults: list[Fault] = field(default_factory=list)
    nodes: int = 0
    counts: int = 0
    within: str = ""
    """Name of the part that this parser is for, where it is not the whole."""

    @property
    def wants(self) -> Wants:
        return Wants(self.faults)

    def mapping(self, tree: object, path: Path, depth: int) -> Node | None:
        """One level: every entry must hold."""
        if depth > MAX_DEPTH:
            raise _TooLarge(f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(tree, list):
            return self.fault(path, "a list of conditions stands under all: or any:")
        if not isinstance(tree, Mapping):
            return self.fault(path, "a condition is a mapping of field names to what they must be")
        if not tree:
            return self.fault(path, "an empty condition; leave it out to match everything")
        children = [self.entry(name, value, path, depth) for name, value in tree.items()]
        return self.together(children, path)

    def entry(self, name: object, value: object, path: Path, depth: int) -> Node | None:
        match name:
            case "all" | "any" | "not" | "activities" if self.within:
                return self.fault(path, f"{name}: has no place within {self.within}:")
            case "activities":
                return self.activities(value, (*path, "activities"))
            case "all":
                return self.group(All, value, (*path, "all"), depth)
            case "any":
                return self.group(AnyOf, value, (*path, "any"), depth)
            case "not":
                self.count()
                child = self.mapping(value, (*path, "not"), depth + 1)
                return None if child is None else Not((*path, "not"), child)
            case str():
                return self.field(name, value, (*path, name))
            case _:
                return self.fault(path, f"{name!r} is no field name")

    def group(
        self, kind: type[All] | type[AnyOf], value: object, path: Path, depth: int
    ) -> Node | None:
        self.count()
        if not isinstance(value, list) or not value:
            return self.fault(path, f"{path[-1]}: takes a list of conditions")
        children = [self.mapping(one, (*path, index), depth + 1) for index, one in enumerate(value)]
        kept = tuple(child for child in children if child is not None)
        return kind(path, kept) if len(kept) == len(children) else None

    def field(self, name: str, value: object, path: Path) -> Node | None:
        about = self.fields.find(name)
        if about is None:
            known = (*self.fields.names, *(("within", "count") if self.within else _GROUPS))
            return self.fault(path, f"unknown field {name}{did_you_mean(name, known)}")
        match value:
            case Mapping():
                if not value:
                    return self.fault(path, "which operator?")
                asked = [self.ask(name, about, op, want, path) for op, want in value.items()]
                return self.together(asked, path)
            case list():
                return self.short(name, about, Op.IN, value, path)
            case _:
                return self.short(name, about, Op.EQ, value, path)

    def short(self, name: str, about: Field, op: Op, value: object, path: Path) -> Node | None:
        """A value or a list of them without an operator."""
        if about.kind is FieldKind.TAGS:
            return self.leaf(name, about, Op.ANY_OF, value, path)
        if op not in OPERATORS[about.kind]:
            known = ", ".join(OPERATORS[about.kind])
            return self.fault(path, f"{name} is an {about.kind}; which operator? (it has: {known})")
        return self.leaf(name, about, op, value, path)

    def ask(self, name: str, about: Field, op: object, want: object, path: Path) -> Node | None:
        allowed = OPERATORS[about.kind]
        where = (*path, str(op))
        if not isinstance(op, str) or op not in set(Op):
            return self.fault(where, f"unknown operator {op}{did_you_mean(str(op), tuple(Op))}")
        if op not in allowed:
            known = ", ".join(allowed)
            return self.fault(where, f"{name} is a {about.kind} and has no {op} (it has: {known})")
        return self.leaf(name, about, Op(op), want, where)

    def leaf(self, name: str, about: Field, op: Op, want: object, path: Path) -> Node | None:
        self.count()
        if op in PRESENCE and isinstance(want, bool):
            present = want is (op is Op.EXISTS)
            return Leaf(path, name, about, Op.EXISTS if present else Op.MISSING, True)
        found = self.wants(about, op, want, path)
        return None if found is None else Leaf(path, name, about, op, found)

    def activities(self, value: object, path: Path) -> Node | None:
        """``{kind: page_view, page: {contains: pricing}, within: 7d, count: {gte: 3}}``"""
        self.counts += 1
        if self.counts > MAX_COUNTS:
            raise _TooLarge(f"more than {MAX_COUNTS} counts of activities in one rule")
        if not self.fields.counted:
            return self.fault(path, "no activities are known where this rule runs")
        if not isinstance(value, Mapping) or not value:
            return self.fault(path, "which activities? kind:, within:, count: …")
        return self.counted(dict(value), path)

    def counted(self, asked: dict[object, object], path: Path) -> Node | None:
        within, count = asked.pop("within", None), asked.pop("count", {"gte": 1})
        before = len(self.faults)
        length = None if within is None else self.wants.length(within, (*path, "within"))
        number = self.number(count, (*path, "count"))
        inner = _Parser(FieldSet(self.fields.counted), self.faults, self.nodes, within="activities")
        such = [inner.entry(name, one, path, MAX_DEPTH) for name, one in asked.items()]
        self.nodes = inner.nodes
        if len(self.faults) > before:
            return None
        where = inner.together(such, path) if such else None
        return Count(path, where, length, number)

    def number(self, count: object, path: Path) -> tuple[Leaf, ...]:
        asked = count if isinstance(count, Mapping) else {"eq": count}
        if not asked:
            self.fault(path, "which operator?")
        found = [self.compared(op, want, path) for op, want in asked.items()]
        return tuple(one for one in found if isinstance(one, Leaf))

    def compared(self, op: object, want: object, path: Path) -> Node | None:
        if op not in COUNTS:
            known = ", ".join(COUNTS)
            return self.fault((*path, str(op)), f"a count has no {op} (it has: {known})")
        leaf = self.ask(NUMBER_OF.name, NUMBER_OF, op, want, path)
        if isinstance(leaf, Leaf):
            wants = leaf.want if isinstance(leaf.want, tuple) else (leaf.want,)
            if not all(isinstance(one, int) and 0 <= one <= MOST_ACTIVITIES for one in wants):
                return self.fault(leaf.path, f"a count is a whole number up to {MOST_ACTIVITIES}")
        return leaf

    def together(self, children: list[Node | None], path: Path) -> Node | None:
        kept = tuple(child for child in children if child is not None)
        if len(kept) != len(children):
            return None
        return kept[0] if len(kept) == 1 else All(path, kept)

    def count(self) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise _TooLarge(f"more than {MAX_NODES} conditions in one rule")

    def fault(self, path: Path, message: str) -> Node | None:
        """Note what is wrong; the None stands for the node that there is not."""
        self.faults.append(Fault(path, message))
        return None
