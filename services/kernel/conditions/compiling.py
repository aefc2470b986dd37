"""From a tree to one function. Three-valued (Kleene): the unknown is neither true nor false."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from services.kernel.conditions.nodes import All, AnyOf, Leaf, Node, Not, Op
from services.kernel.fields import FieldKind

Facts = Mapping[str, object]
Verdict = bool | None
"""None: unknown."""
Test = Callable[[Facts], Verdict]

_NUMBERS = frozenset({int, float})
_ORDER: dict[Op, Callable[[Any, Any], bool]] = {
    Op.GT: operator.gt,
    Op.GTE: operator.ge,
    Op.LT: operator.lt,
    Op.LTE: operator.le,
}


def compile_node(node: Node) -> Test:
    """A function of the facts; it never raises, whatever the facts hold."""
    match node:
        case Leaf():
            return compile_leaf(node)
        case Not(child=child):
            return _negation(compile_node(child))
        case All(children=children):
            return _all(tuple(compile_node(one) for one in children))
        case AnyOf(children=children):
            return _any(tuple(compile_node(one) for one in children))


def all_of(verdicts: list[Verdict]) -> Verdict:
    """False where one is, else unknown where one is, else true."""
    if False in verdicts:
        return False
    return None if None in verdicts else True


def any_of(verdicts: list[Verdict]) -> Verdict:
    """True where one is, else unknown where one is, else false."""
    if True in verdicts:
        return True
    return None if None in verdicts else False


def negated(verdict: Verdict) -> Verdict:
    """The opposite; the opposite of unknown is unknown."""
    return None if verdict is None else not verdict


def _all(tests: tuple[Test, ...]) -> Test:
    def test(facts: Facts) -> Verdict:
        verdict: Verdict = True
        for one in tests:
            found = one(facts)
            if found is False:
                return False
            if found is None:
                verdict = None
        return verdict

    return test


def _any(tests: tuple[Test, ...]) -> Test:
    def test(facts: Facts) -> Verdict:
        verdict: Verdict = False
        for one in tests:
            found = one(facts)
            if found:
                return True
            if found is None:
                verdict = None
        return verdict

    return test


def _negation(child: Test) -> Test:
    def test(facts: Facts) -> Verdict:
        found = child(facts)
        return None if found is None else not found

    return test


def compile_leaf(leaf: Leaf) -> Test:
    """One question; unknown where the field is missing or is not of its type."""
    match leaf.op:
        case Op.EXISTS:
            return _presence(leaf.field, True)
        case Op.MISSING:
            return _presence(leaf.field, False)
        case _:
            pass
    match leaf.about.kind:
        case FieldKind.NUMBER:
            return _number(leaf)
        case FieldKind.FLAG:
            return _flag(leaf)
        case FieldKind.TEXT | FieldKind.CHOICE | FieldKind.COUNTRY:
            return _word(leaf)


def _presence(name: str, present: bool) -> Test:
    return lambda facts: (facts.get(name) is not None) is present


def _flag(leaf: Leaf) -> Test:
    name, wanted = leaf.field, leaf.want is (leaf.op is Op.EQ)

    def test(facts: Facts) -> Verdict:
        value = facts.get(name)
        return value is wanted if value.__class__ is bool else None

    return test


def _number(leaf: Leaf) -> Test:
    name, want = leaf.field, leaf.want
    if leaf.op is Op.BETWEEN:
        return _between(leaf)
    if leaf.op in _ORDER:
        compare = _ORDER[leaf.op]

        def ordered(facts: Facts) -> Verdict:
            value = facts.get(name)
            return compare(value, want) if value.__class__ in _NUMBERS else None

        return ordered
    wanted, inside = _members(leaf)

    def member(facts: Facts) -> Verdict:
        value = facts.get(name)
        return (value in wanted) is inside if value.__class__ in _NUMBERS else None

    return member


def _between(leaf: Leaf) -> Test:
    name = leaf.field
    limits: Any = leaf.want
    low, high = limits

    def test(facts: Facts) -> Verdict:
        value: Any = facts.get(name)
        return low <= value <= high if value.__class__ in _NUMBERS else None

    return test


def _word(leaf: Leaf) -> Test:
    name = leaf.field
    match leaf.op:
        case Op.STARTS_WITH | Op.ENDS_WITH | Op.CONTAINS:
            return _part(leaf)
        case _:
            pass
    members, inside = _members(leaf)
    wanted = frozenset(str(one).casefold() for one in members)

    def test(facts: Facts) -> Verdict:
        value = facts.get(name)
        return (value.casefold() in wanted) is inside if isinstance(value, str) else None

    return test


def _part(leaf: Leaf) -> Test:
    name = leaf.field
    wants = leaf.want if isinstance(leaf.want, tuple) else (leaf.want,)
    parts = tuple(str(one).casefold() for one in wants)
    if leaf.op is Op.CONTAINS:

        def contains(facts: Facts) -> Verdict:
            value = facts.get(name)
            if not isinstance(value, str):
                return None
            text = value.casefold()
            return any(part in text for part in parts)

        return contains
    matches = str.startswith if leaf.op is Op.STARTS_WITH else str.endswith

    def test(facts: Facts) -> Verdict:
        value = facts.get(name)
        return matches(value.casefold(), parts) if isinstance(value, str) else None

    return test


def _members(leaf: Leaf) -> tuple[frozenset[Any], bool]:
    """The values, and whether the field must be among them."""
    wants = leaf.want if isinstance(leaf.want, tuple) else (leaf.want,)
    return frozenset(wants), leaf.op in (Op.EQ, Op.IN)
