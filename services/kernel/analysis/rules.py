"""What is wrong with a list of rules, found by reasoning over all facts that there can be.

A finding is certain: a rule that is called dead never fires. The reverse is not promised, because
fields that hang together count as independent and long searches are cut short.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from services.kernel.analysis.domains import Goal
from services.kernel.analysis.search import Claim, Fields, apart, narrowed, possible
from services.kernel.conditions.nodes import All, AnyOf, Count, Leaf, Node, Not
from services.kernel.conditions.tracing import worded
from services.kernel.faults import Path

EVERYTHING: Node = All((), ())
"""The condition of a rule that has none."""
_NAMED = 3
"""Parts of a contradiction that are named."""


class Flaw(StrEnum):
    """What is wrong with a rule."""

    DEAD = "dead"
    """Its condition contradicts itself."""
    DEAD_PART = "dead part"
    """One of the alternatives of its condition can never be what makes it true."""
    SHADOWED = "shadowed"
    """Whatever it would take, rules before it take."""
    SAME = "same"
    """It holds exactly where another does."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One flaw of one rule."""

    flaw: Flaw
    at: int
    """Place of the rule in the list."""
    why: str
    path: Path = ()
    """Within the rule's condition."""
    others: tuple[int, ...] = ()
    """Places of the rules that it is about besides."""


def implies(one: Node, other: Node) -> bool:
    """Whether ``other`` certainly holds wherever ``one`` does."""
    return not possible([(one, Goal.TRUE), (other, Goal.NOT_TRUE)])


def flaws(rules: Sequence[Node]) -> Iterator[Finding]:
    """What is wrong with each condition for itself."""
    for at, node in enumerate(rules):
        if not possible([(node, Goal.TRUE)]):
            yield Finding(Flaw.DEAD, at, f"no lead can meet it: {_contradiction(node)}")
            continue
        for path, only in _alternatives(node):
            if not possible([(only, Goal.TRUE)]):
                why = f"this alternative can never hold here: {_contradiction(only)}"
                yield Finding(Flaw.DEAD_PART, at, why, path)


def shadowed(rules: Sequence[Node], takes: Sequence[bool] = ()) -> Iterator[Finding]:
    """Rules of a first-match list that never get their turn; the dead are not among them.

    :param takes: whether each rule takes all for which its condition holds; empty: all do.
    """
    before: list[tuple[int, Node, Fields]] = []
    for at, node in enumerate(rules):
        fields = narrowed([(node, Goal.TRUE)])
        if fields is None or not possible([(node, Goal.TRUE)]):
            continue
        near = [(place, one) for place, one, theirs in before if not apart(theirs, fields)]
        if near and _taken(node, near):
            yield _shadow(at, node, near)
        if not takes or takes[at]:
            before.append((at, node, fields))


def same(
    rules: Sequence[Node], comparable: Callable[[int, int], bool] = lambda one, other: True
) -> Iterator[Finding]:
    """Rules that hold exactly where an earlier one does.

    :param comparable: which pairs of places are looked at.
    """
    alive = [
        (at, node, fields)
        for at, node in enumerate(rules)
        if (fields := narrowed([(node, Goal.TRUE)])) is not None and possible([(node, Goal.TRUE)])
    ]
    for index, (at, node, fields) in enumerate(alive):
        for place, other, theirs in alive[:index]:
            if not comparable(place, at) or apart(fields, theirs):
                continue
            if implies(node, other) and implies(other, node):
                yield Finding(Flaw.SAME, at, "it holds exactly where", others=(place,))


def _taken(node: Node, before: Sequence[tuple[int, Node]]) -> bool:
    return not possible([(node, Goal.TRUE), *((one, Goal.NOT_TRUE) for _, one in before)])


def _shadow(at: int, node: Node, before: list[tuple[int, Node]]) -> Finding:
    """Name one rule that takes all of it, or as few as do it together."""
    alone = [(place, one) for place, one in before if implies(node, one)]
    needed = alone[:1] or _fewest(node, before)
    why = "takes every lead that it would take" if alone else "together take every lead of it"
    return Finding(Flaw.SHADOWED, at, why, others=tuple(place for place, _ in needed))


def _fewest(node: Node, before: list[tuple[int, Node]]) -> list[tuple[int, Node]]:
    kept = list(before)
    for one in reversed(before):
        without = [other for other in kept if other is not one]
        if without and _taken(node, without):
            kept = without
    return kept


def _contradiction(node: Node) -> str:
    """The parts that exclude each other, as few as there need be."""
    claims = list(_together(node))
    for claim in list(claims):
        without = [one for one in claims if one is not claim]
        if not possible(without):
            claims = without
    said = [_said(node) for node, _ in claims[:_NAMED]]
    more = " and more" if len(claims) > _NAMED else ""
    if len(said) == 1:
        return f"{said[0]} contradicts itself"
    return f"{' and '.join(said)}{more} exclude each other"


def _together(node: Node) -> Iterator[Claim]:
    if isinstance(node, All):
        for child in node.children:
            yield from _together(child)
    else:
        yield node, Goal.TRUE


def _said(node: Node) -> str:
    match node:
        case Leaf():
            want = ", ".join(map(str, node.want)) if isinstance(node.want, tuple) else node.want
            return f"{node.field} {node.op} {want}"
        case AnyOf() | All():
            return f"{node.path[-1]}: …" if node.path else "the condition"
        case Count():
            return f"activities {worded(node)}"
        case Not(child=child):
            return f"not ({_said(child)})"


def _alternatives(node: Node) -> Iterator[tuple[Path, Node]]:
    """The condition with each alternative of each ``any`` alone."""
    match node:
        case AnyOf(children=children) if len(children) > 1:
            for child in children:
                yield child.path, child
                yield from _alternatives(child)
        case All(children=children):
            for at, child in enumerate(children):
                for path, only in _alternatives(child):
                    whole = (*children[:at], only, *children[at + 1 :])
                    yield path, replace(node, children=whole)
        case _:
            return
