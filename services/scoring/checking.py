"""What is wrong with a scoring model that is well-formed: rules and tiers without effect. Pure."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence

from services.kernel.analysis import EVERYTHING, Flaw, flaws, same, shadowed
from services.kernel.faults import Fault
from services.scoring.config import FitRule, IntentRule, ScoringFile
from services.scoring.pages import unreached
from services.scoring.reach import out_of_reach

Rule = FitRule | IntentRule


def findings(model: ScoringFile) -> Iterator[Fault]:
    """Each with its path in ``scoring.yaml``."""
    yield from _rules("fit", model.fit.rules, lambda rule: None)
    yield from _rules("intent", model.intent.rules, _trigger)
    yield from _outbound(model)
    yield from unreached(model.pages)
    yield from out_of_reach(model)


def _trigger(rule: Rule) -> Hashable:
    """What an intent rule is about, besides its condition."""
    about = rule.model_dump(exclude={"id", "group", "points", "half_life_days", "when"})
    return tuple((name, _hashable(value)) for name, value in sorted(about.items()))


def _hashable(value: object) -> Hashable:
    return frozenset(value) if isinstance(value, set | frozenset | list | tuple) else str(value)


def _rules(
    side: str, rules: Sequence[Rule], trigger: Callable[[Rule], Hashable]
) -> Iterator[Fault]:
    nodes = [EVERYTHING if rule.when is None else rule.when.node for rule in rules]
    triggers = [trigger(rule) for rule in rules]
    for at, rule in enumerate(rules):
        if rule.points == 0:
            yield Fault((side, "rules", at, "points"), f"the rule {rule.id!r} gives no points")
    for found in flaws(nodes):
        kind = "dead rule" if found.flaw is Flaw.DEAD else "dead part of rule"
        message = f"{kind} {rules[found.at].id!r}: {found.why}"
        yield Fault((side, "rules", found.at, "when", *found.path), message)
    for found in same(nodes, lambda one, other: triggers[one] == triggers[other]):
        rule, other = rules[found.at], rules[found.others[0]]
        yield Fault((side, "rules", found.at), _twice(rule, other))


def _outbound(model: ScoringFile) -> Iterator[Fault]:
    outbound = model.outbound
    if outbound is None:
        return
    if outbound.icp is not None:
        for found in flaws([outbound.icp.node]):
            where = ("outbound", "icp", *found.path)
            yield Fault(where, f"{found.flaw} profile: {found.why}")
    nodes = [EVERYTHING if drip.when is None else drip.when.node for drip in outbound.drips]
    for found in flaws(nodes):
        where = ("outbound", "drips", found.at, "when", *found.path)
        yield Fault(where, f"{found.flaw} drip: {found.why}")
    for found in shadowed(nodes):
        before = " and ".join(repr(outbound.drips[at].pool) for at in found.others)
        pool = outbound.drips[found.at].pool
        message = f"the drip of {pool!r} is never reached: {before} before it {found.why}"
        yield Fault(("outbound", "drips", found.at), message)


def _twice(rule: Rule, other: Rule) -> str:
    where = f"the rule {rule.id!r} holds exactly where {other.id!r} does"
    if rule.points * other.points < 0:
        return f"contradicting rules: {where}, and takes what that gives"
    return f"{where}: its points count twice"
