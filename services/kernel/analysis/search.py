"""Can these conditions come out so, all at once?

A search over what each question demands of its field: what must hold together narrows the fields,
what may hold one way or another is tried. "No" is certain. "Yes" may be wrong where fields hang
together (a domain and its address) or where the search was cut short.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

from services.kernel.analysis.domains import Demand, Goal, count_demand, demand_of
from services.kernel.conditions.nodes import All, AnyOf, Count, Leaf, Node, Not

STEPS = 20_000
"""Of one search; then the answer is yes. Some 3 µs each."""

Claim = tuple[Node, Goal]
Fields = dict[Hashable, Demand]


class _CutShort(Exception):
    pass


def possible(claims: Iterable[Claim], steps: int = STEPS) -> bool:
    """Whether facts may exist for which every condition comes out as claimed."""
    try:
        return _Search(steps).run({}, list(claims), [])
    except _CutShort:
        return True


def narrowed(claims: Iterable[Claim]) -> Fields | None:
    """What the claims demand of each field whatever else holds; None: they cannot hold."""
    fields: Fields = {}
    search = _Search(STEPS)
    return fields if search.assume(fields, list(claims), []) else None


def apart(one: Fields, other: Fields) -> bool:
    """Whether two of ``narrowed`` exclude each other for certain."""
    for name, demand in one.items():
        theirs = other.get(name)
        if theirs is not None and demand.excludes(theirs):
            return True
    return False


class _Search:
    def __init__(self, steps: int) -> None:
        self._left = steps

    def run(self, fields: Fields, claims: list[Claim], choices: list[Sequence[Claim]]) -> bool:
        """Narrow by all that is certain, then try what is left of the smallest choice."""
        while claims:
            if not self.assume(fields, claims, choices):
                return False
            claims = []
            open_choices: list[Sequence[Claim]] = []
            for choice in choices:
                left = self._left_of(fields, choice)
                if left is None:
                    continue
                if not left:
                    return False
                if len(left) == 1:
                    claims.extend(left)
                else:
                    open_choices.append(left)
            choices = open_choices
        if not choices:
            return True
        choices.sort(key=len)
        return any(self.run(dict(fields), [one], list(choices[1:])) for one in choices[0])

    def assume(self, fields: Fields, claims: list[Claim], choices: list[Sequence[Claim]]) -> bool:
        """Narrow ``fields`` and add to ``choices``; False: impossible."""
        todo = list(claims)
        while todo:
            node, goal = todo.pop()
            self._step()
            match node:
                case Not(child=child):
                    todo.append((child, goal.negated))
                case All(children=children) | AnyOf(children=children):
                    parts = [(child, goal) for child in children]
                    if goal.holds is isinstance(node, All):
                        todo.extend(parts)
                    else:
                        choices.append(parts)
                case Leaf() | Count():
                    name, demand = _demand(node, goal)
                    known = fields.get(name)
                    fields[name] = demand = demand if known is None else known.meet(demand)
                    if demand.empty:
                        return False
        return True

    def _left_of(self, fields: Fields, choice: Sequence[Claim]) -> list[Claim] | None:
        """Those that are still possible; None: one of them holds anyway."""
        left: list[Claim] = []
        for node, goal in choice:
            self._step()
            if isinstance(node, Leaf | Count):
                name, demand = _demand(node, goal)
                known = fields.get(name)
                if known is not None:
                    if known.meet(demand).empty:
                        continue
                    if known.meet(_demand(node, goal.opposite)[1]).empty:
                        return None
            left.append((node, goal))
        return left

    def _step(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise _CutShort


def _demand(node: Leaf | Count, goal: Goal) -> tuple[Hashable, Demand]:
    match node:
        case Leaf():
            return node.field, demand_of(node, goal)
        case Count():
            return (_asked(node.where), node.within), count_demand(node, goal)


def _asked(node: Node | None) -> Hashable:
    """What is counted, wherever it is written."""
    match node:
        case None:
            return None
        case Leaf():
            return node.field, node.op, node.want
        case Not(child=child):
            return "not", _asked(child)
        case All(children=children) | AnyOf(children=children):
            return type(node).__name__, frozenset(_asked(child) for child in children)
        case Count():
            return node
