"""Which rule a lead falls under: ordered, first match, then the catch-all. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

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
        before = self.rules[:at]
        untold = max(0, len(before) - 2 * TRIED_KEPT)
        if untold:
            before = (*before[:TRIED_KEPT], *before[-TRIED_KEPT:])
        return Routed(target, tuple(rule.lost(facts) for rule in before), untold)

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

    __slots__ = ("_parts", "motion", "split", "table", "target", "when")

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
        self._parts = tuple((_Part(part), compile_node(part)) for part in _parts(when.node))

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
        return Target(self.target.rule, self.target.path, hit.row.pool, hit=hit.described())

    def lost(self, facts: Facts) -> dict[str, Any]:
        """That the rule did not fire, and the first part of its condition that is not true."""
        if self.takes(facts):
            verdict, because = self._asked(facts)
            if verdict is True:  # no row of its table fits, or it is held out
                verdict, because = False, self._passed_by(facts)
        else:
            want, got = self.motion, facts.get("motion")
            verdict = False
            because = {"field": "motion", "op": "eq", "want": want, "got": got, "result": False}
        return {"rule": self.target.rule, "verdict": verdict, "because": because}

    def _passed_by(self, facts: Facts) -> dict[str, Any]:
        if self.split is not None:
            return {"experiment": self.split.experiment, "arm": self.split.arm_of(facts).name}
        return {"op": f"territory {self.table.id}"} if self.table is not None else {}

    def _asked(self, facts: Facts) -> tuple[Verdict, dict[str, Any]]:
        """The outcome, and the first part that is not true. Each part is asked once."""
        because: dict[str, Any] = {}
        for part, test in self._parts:
            verdict = test(facts)
            if verdict is True:
                continue
            if not because:
                because = part.described(verdict, facts)
            if verdict is False:
                return False, because
        return (None if because else True), because


@dataclass(frozen=True, slots=True)
class Routed:
    """The rule that fired, and those before it that did not."""

    target: Target
    tried: tuple[dict[str, Any], ...]
    """The first and the last :data:`TRIED_KEPT`."""
    untold: int = 0
    """Those between them."""


class _Part:
    """One part of a condition, as a record names it."""

    __slots__ = ("field", "personal", "said")

    def __init__(self, node: Node) -> None:
        self.field: str | None = None
        self.personal = False
        if isinstance(node, Leaf):
            self.field, self.personal = node.field, node.about.personal
            want = list(node.want) if isinstance(node.want, tuple) else node.want
            self.said = {"field": node.field, "op": node.op.value, "want": want}
        else:
            self.said = {"op": type(node).__name__.lower().replace("anyof", "any")}

    def described(self, verdict: Verdict, facts: Facts) -> dict[str, Any]:
        if self.field is None:
            return {**self.said, "result": verdict}
        got = facts.get(self.field)
        shown = "(personal)" if self.personal and got is not None else got
        return {**self.said, "got": shown, "result": verdict}


def _parts(node: Node) -> tuple[Node, ...]:
    return node.children if isinstance(node, All) else (node,)
