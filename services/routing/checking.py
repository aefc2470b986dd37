"""What is wrong with routing rules that are well-formed: rules that never get a lead. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from services.kernel.analysis import Flaw, flaws, shadowed
from services.kernel.faults import Fault, Path
from services.routing.config import RoutingFile, RuleFile

_ALL_OF_A_RULE = frozenset({"id", "when", "pool", "nurture", "divert"})
"""What this check understands. A rule that says more may take less than its condition does."""


def findings(routing: RoutingFile) -> Iterator[Fault]:
    """Each with its path in ``routing.yaml``."""
    yield from _rules(routing.rules, ("rules",))
    for role, own in routing.roles.items():
        yield from _rules(own.rules, ("roles", role.value, "rules"))


def _rules(rules: Sequence[RuleFile], place: Path) -> Iterator[Fault]:
    nodes = [rule.when.node for rule in rules]
    for found in flaws(nodes):
        kind = "dead rule" if found.flaw is Flaw.DEAD else "dead part of rule"
        message = f"{kind} {rules[found.at].id!r}: {found.why}"
        yield Fault((*place, found.at, "when", *found.path), message)
    plain = [_takes_all(rule) for rule in rules]
    for found in shadowed(nodes, plain):
        before = " and ".join(repr(rules[at].id) for at in found.others)
        message = f"shadowed rule {rules[found.at].id!r}: {before} before it {found.why}"
        yield Fault((*place, found.at, "when"), message)


def _takes_all(rule: RuleFile) -> bool:
    """Whether every lead that the condition is true of stays with the rule."""
    said = rule.model_fields_set - _ALL_OF_A_RULE
    return not said or (said == {"split"} and rule.split is not None and not rule.split.holds_out)
