"""Which rule a lead falls under: ordered, first match, then the catch-all. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeAlias

from schemas.assignment import Diverted
from schemas.base import Motion
from services.kernel.conditions import Condition, Facts, Verdict
from services.kernel.conditions.compiling import compile_node
from services.kernel.conditions.nodes import All, Leaf, Node
from services.routing.rule_index import RuleIndex
from services.routing.splitting import Drawn, Split
from services.routing.territories import Table

CATCH_ALL = "catch-all"
"""Name of the rule that takes what no other takes."""
TRIED_KEPT = 50
"""Of the rules tried before the match, the first and the last so many are recorded."""


Lost: TypeAlias = tuple[Any, ...] | dict[str, Any]
"""A rule that did not fire: rule, field, operator, wanted, the rule's outcome and the part's; what
the lead had is among the features. Made once, as most of a long list of rules loses to each lead.
As a mapping (``rule, verdict, because``) where it is about more than one feature of the lead."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a rule sends a lead: to a pool, out of sales, or to nurture."""

    rule: str
    path: str
    """Where in the configuration it stands, e.g. ``routing.yaml#/rules/2``."""
    pool: str | None
    divert: Diverted | None = None
    """It is no lead, but this."""
    hit: dict[str, Any] | None = field(default=None, compare=False)
    """The row of a territory table that named the pool."""
    drawn: tuple[Drawn, ...] = field(default=(), compare=False)
    """The arms that the lead has of the experiments that it met on the way."""


@dataclass(frozen=True)
class RuleSet:
    """The rules of one role, and where everything goes that none of them takes."""

    rules: tuple[Rule, ...]
    catch_all: Target

    @cached_property
    def index(self) -> RuleIndex:
        """Which rules may fire for a lead."""
        return RuleIndex([rule.when.node for rule in self.rules])

    def target_of(self, facts: Facts) -> Target:
        """As :meth:`first_match`, without the account of it."""
        return self._firing(facts)[1]

    def first_match(self, facts: Facts) -> Routed:
        """The first rule whose condition is true; an unknown outcome does not fire."""
        at, target = self._firing(facts)
        untold = max(0, at - 2 * TRIED_KEPT)
        places = (*range(TRIED_KEPT), *range(at - TRIED_KEPT, at)) if untold else range(at)
        return Routed(target, self._lost(facts, places), untold)

    def _lost(self, facts: Facts, places: Sequence[int]) -> tuple[Lost, ...]:
        """Why the rules at these places did not fire. Of most the index says it, unasked."""
        by_first_part = self.index.lost_by_first_part(facts, places)
        lost = []
        for at in places:
            rule = self.rules[at]
            said = rule.no if at in by_first_part else None
            lost.append(said if said is not None else rule.lost(facts))
        return tuple(lost)

    def _firing(self, facts: Facts) -> tuple[int, Target]:
        drawn: list[Drawn] = []
        for at in self.index.candidates(facts):
            rule = self.rules[at]
            if rule.verdict(facts) is not True:
                continue
            if rule.split is not None:
                drawn.append(rule.split.drawn(rule.target.rule, facts))
            if (target := rule.aim(facts)) is not None:
                return at, _having(target, drawn)
        return len(self.rules), _having(self.catch_all, drawn)


def _having(target: Target, drawn: list[Drawn]) -> Target:
    return replace(target, drawn=tuple(drawn)) if drawn else target


class Rule:
    """A rule, ready to be asked."""

    __slots__ = (
        "_aimed", "_other_motion", "_parts", "motion", "no", "split", "table", "target", "when",
    )  # fmt: skip

    def __init__(
        self,
        target: Target,
        when: Condition,
        motion: Motion | None = None,
        table: Table | None = None,
        split: Split | None = None,
    ) -> None:
        """:param motion: the only one that the rule's pool takes.
        :param table: whose rows name the pool; the rule fires only where a row fits.
        :param split: whose arms name the pool."""
        self.target = target
        self.table = table
        self.split = split
        self.when = when
        self.motion = motion
        self._parts = tuple(
            (_Part(target.rule, part), compile_node(part)) for part in _parts(when.node)
        )
        self._other_motion = (target.rule, "motion", "eq", motion, False, False)
        self.no = self._parts[0][0].no if self._parts and motion is None else None
        """That it lost by its first part; None where that has to be worked out."""
        self._aimed: dict[int, Target] = {}

    def takes(self, facts: Facts) -> bool:
        """Whether the rule's pool takes leads of this motion."""
        return self.motion is None or facts.get("motion") == self.motion

    def verdict(self, facts: Facts) -> Verdict:
        """True where the rule fires."""
        return self.when(facts) if self.takes(facts) else False

    def aim(self, facts: Facts) -> Target | None:
        """Where the rule, which fires, sends the lead; None where no row of its table fits, or the
        lead is held out."""
        if self.split is not None:
            arm = self.split.arm_of(facts)
            return None if arm.holdout else replace(self.target, pool=arm.pool)
        if self.table is None:
            return self.target
        hit = self.table.find(facts)
        if hit is None:
            return None
        known = self._aimed.get(hit.row.line)
        if known is None:
            known = Target(self.target.rule, self.target.path, hit.row.pool, hit=hit.described())
            self._aimed[hit.row.line] = known
        return known

    def lost(self, facts: Facts) -> Lost:
        """That the rule did not fire, and the first part of its condition that is not true."""
        if not self.takes(facts):
            return self._other_motion
        for part, test in self._parts:
            verdict = test(facts)
            if verdict is False:
                return part.no or part.lost(False, facts)
            if verdict is None:
                return part.lost(False if self._is_false(facts) else None, facts, unknown=True)
        return {"rule": self.target.rule, "verdict": False, "because": self._passed_by(facts)}

    def _is_false(self, facts: Facts) -> bool:
        return any(test(facts) is False for _, test in self._parts)

    def _passed_by(self, facts: Facts) -> dict[str, Any]:
        """No row of its table fits, or it is held out."""
        if self.split is not None:
            return {"experiment": self.split.experiment, "arm": self.split.arm_of(facts).name}
        return {"op": f"territory {self.table.id}"} if self.table is not None else {}


@dataclass(frozen=True, slots=True)
class Routed:
    """The rule that fired, and those before it that did not."""

    target: Target
    tried: tuple[Lost, ...]
    """The first and the last :data:`TRIED_KEPT`."""
    untold: int = 0
    """Those between them."""


class _Part:
    """One part of a condition, as a record names it where it is what made a rule lose."""

    __slots__ = ("_leaf", "_rule", "_said", "no")

    def __init__(self, rule: str, node: Node) -> None:
        self._rule = rule
        self._leaf = node if isinstance(node, Leaf) else None
        self.no: Lost | None = None
        """That the rule lost by this part, where nothing but its feature has to be told."""
        if self._leaf is None:
            self._said: dict[str, Any] = {"op": type(node).__name__.lower().replace("anyof", "any")}
            return
        leaf = self._leaf
        want = list(leaf.want) if isinstance(leaf.want, tuple) else leaf.want
        self._said = {"field": leaf.field, "op": leaf.op.value, "want": want}
        if not leaf.about.personal:
            self.no = (rule, *self._said.values(), False, False)

    def lost(self, verdict: Verdict, facts: Facts, *, unknown: bool = False) -> Lost:
        """:param verdict: of the whole condition; ``unknown`` tells whether this part's is."""
        result = None if unknown else False
        if self.no is not None:
            return (self._rule, *self._said.values(), verdict, result)
        because = {**self._said, "result": result}
        if self._leaf is not None:
            because["got"] = "(personal)" if facts.get(self._leaf.field) is not None else None
        return {"rule": self._rule, "verdict": verdict, "because": because}


def _parts(node: Node) -> tuple[Node, ...]:
    return node.children if isinstance(node, All) else (node,)
