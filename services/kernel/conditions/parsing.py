"""From a tree as YAML gives it to a checked condition.

A mapping means all of its entries, a list of values means one of them, a single value means equal
to it. All faults of a tree are found in one go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.kernel.conditions.nodes import (
    OPERATORS,
    PARTS,
    PRESENCE,
    SETS,
    All,
    AnyOf,
    Leaf,
    Node,
    Not,
    Op,
    Want,
)
from services.kernel.conditions.values import Unfit, value_of
from services.kernel.faults import Fault, Path, did_you_mean
from services.kernel.fields import Field, FieldSet

MAX_DEPTH = 8
MAX_NODES = 200
MAX_MEMBERS = 10_000
"""Of one set; a look-up costs the same however large it is."""
MAX_PARTS = 50
"""Of one ``contains``, ``starts_with`` or ``ends_with``: each of them is searched for."""

_GROUPS = ("all", "any", "not")


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
            known = (*self.fields.names, *_GROUPS)
            return self.fault(path, f"unknown field {name}{did_you_mean(name, known)}")
        match value:
            case Mapping():
                if not value:
                    return self.fault(path, "which operator?")
                asked = [self.ask(name, about, op, want, path) for op, want in value.items()]
                return self.together(asked, path)
            case list():
                return self.leaf(name, about, Op.IN, value, path)
            case _:
                return self.leaf(name, about, Op.EQ, value, path)

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
        if op in PRESENCE:
            return self.presence(name, about, op, want, path)
        found = self.want(about, op, want, path)
        return None if found is None else Leaf(path, name, about, op, found)

    def presence(self, name: str, about: Field, op: Op, want: object, path: Path) -> Node | None:
        if not isinstance(want, bool):
            return self.fault(path, f"{op} is true or false")
        present = want is (op is Op.EXISTS)
        return Leaf(path, name, about, Op.EXISTS if present else Op.MISSING, True)

    def want(self, about: Field, op: Op, want: object, path: Path) -> Want | None:
        if op in SETS:
            return self.several(about, want, path, MAX_MEMBERS)
        if op is Op.BETWEEN:
            return self.range(about, want, path)
        if op in PARTS and isinstance(want, list):
            return self.several(about, want, path, MAX_PARTS)
        return self.single(about, want, path)

    def single(self, about: Field, raw: object, path: Path) -> str | int | float | bool | None:
        try:
            return value_of(about, raw)
        except Unfit as error:
            self.fault(path, str(error))
            return None

    def several(self, about: Field, raw: object, path: Path, most: int) -> Want | None:
        if not isinstance(raw, list) or not raw:
            self.fault(path, "a list of values is missing here")
            return None
        if len(raw) > most:
            self.fault(path, f"{len(raw)} values; at most {most} may stand here")
            return None
        values = [self.single(about, one, (*path, at)) for at, one in enumerate(raw)]
        kept = tuple(value for value in values if value is not None)
        return kept if len(kept) == len(values) else None

    def range(self, about: Field, raw: object, path: Path) -> Want | None:
        found = self.several(about, raw, path, 2)
        if not isinstance(found, tuple):
            return None
        low, high = found[0], found[-1]
        if len(found) != 2 or low > high:  # type: ignore[operator]  # both are numbers
            self.fault(path, "between takes [lowest, highest], both included")
            return None
        return found

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
