"""From a tree to one function. Three-valued (Kleene): the unknown is neither true nor false."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, cast

from services.kernel.conditions.counting import Such, compile_count
from services.kernel.conditions.nodes import (
    LENGTHS,
    All,
    AnyOf,
    Count,
    Facts,
    Leaf,
    Node,
    Not,
    Op,
    Test,
    Verdict,
)
from services.kernel.fields import NOW, FieldKind

__all__ = [
    "Facts",
    "Test",
    "Verdict",
    "all_of",
    "any_of",
    "compile_leaf",
    "compile_node",
    "negated",
    "such_of",
]

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
        case Count():
            return compile_count(node, such_of(node), [compile_leaf(one) for one in node.count])
        case Not(child=child):
            return _negation(compile_node(child))
        case All(children=children):
            return _all(tuple(compile_node(one) for one in children))
        case AnyOf(children=children):
            return _any(tuple(compile_node(one) for one in children))


def such_of(node: Count) -> Such:
    """What is counted; the kind, which tells most activities apart, is looked at first."""
    match node.where:
        case None:
            return Such()
        case All(path=path, children=parts):
            kinds = next((one for one in map(_kinds, parts) if one), None)
            rest = tuple(one for one in parts if kinds is None or _kinds(one) is None)
            return Such(kinds, compile_node(All(path, rest)) if rest else None)
        case where:
            kinds = _kinds(where)
            return Such(kinds, None if kinds else compile_node(where))


def _kinds(node: Node) -> frozenset[Any] | None:
    match node:
        case Leaf(field="kind", op=Op.EQ | Op.IN):
            return _members(node)[0]
        case _:
            return None


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
        case FieldKind.INSTANT:
            return _instant(leaf)
        case FieldKind.TAGS:
            return _tags(leaf)


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


def _instant(leaf: Leaf) -> Test:
    name = leaf.field
    limit: Any = leaf.want
    if leaf.op in LENGTHS:
        return _age(leaf)
    after = leaf.op is Op.AFTER

    def test(facts: Facts) -> Verdict:
        value: Any = facts.get(name)
        return bool(value >= limit) is after if value.__class__ in _NUMBERS else None

    return test


def _age(leaf: Leaf) -> Test:
    name, within = leaf.field, leaf.op is Op.WITHIN
    length = cast("float", leaf.want)

    def test(facts: Facts) -> Verdict:
        age = _seconds_between(facts.get(name), facts.get(NOW))
        if age is None:
            return None
        return 0 <= age <= length if within else age > length

    return test


def _seconds_between(then: Any, now: Any) -> float | None:
    known = isinstance(then, int | float) and isinstance(now, int | float)
    return float(now - then) if known else None


def _tags(leaf: Leaf) -> Test:
    name, op = leaf.field, leaf.op
    wants = leaf.want if isinstance(leaf.want, tuple) else (leaf.want,)
    wanted = frozenset(str(one).casefold() for one in wants)

    def test(facts: Facts) -> Verdict:
        value = facts.get(name)
        if not isinstance(value, list | tuple):
            return None
        found = {str(one).casefold() for one in value}
        if op is Op.ALL_OF:
            return wanted <= found
        return wanted.isdisjoint(found) is (op is Op.NONE_OF)

    return test


def _members(leaf: Leaf) -> tuple[frozenset[Any], bool]:
    """The values, and whether the field must be among them."""
    wants = leaf.want if isinstance(leaf.want, tuple) else (leaf.want,)
    return frozenset(wants), leaf.op in (Op.EQ, Op.IN)
