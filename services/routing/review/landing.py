"""Where recorded leads fall in a territory table: the row that takes each, or none. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from schemas.base import RoleName
from services.routing.plan import Plan
from services.routing.policy import RuleSet
from services.routing.review.gaps import Gap, Gaps
from services.routing.territories import Table

_BANDS: Final = ((1, 9), (10, 49), (50, 249), (250, 999), (1000, None))
_POSTAL_SHOWN: Final = 2
"""First characters of a postal code by which leads without a territory are counted together."""

Facts = Mapping[str, object]


@dataclass(slots=True)
class Landing:
    """What became of the leads that a table was asked about."""

    table: Table
    gaps: Gaps
    asked: int = 0
    rows: Counter[int] = field(default_factory=Counter)
    """Leads by the line of the row that took them."""
    both: Counter[tuple[int, int]] = field(default_factory=Counter)
    """Leads that also fit another row: lines of the one that counts and of the other."""
    in_gap: Counter[Gap] = field(default_factory=Counter)
    nowhere: Counter[tuple[Any, ...]] = field(default_factory=Counter)
    """Leads that no row takes, by what is known of where they are."""

    def take(self, facts: Facts, went_to: str | None) -> None:
        """One lead.

        :param went_to: the pool that it was routed to.
        """
        self.asked += 1
        fits = self.table.fitting(facts)
        if fits:
            self.rows[fits[0].line] += 1
            for other in fits[1:]:
                self.both[fits[0].line, other.line] += 1
            return
        gap = self.gaps.of(facts)
        if gap is not None:
            self.in_gap[gap] += 1
        self.nowhere[(*_place(facts), went_to)] += 1

    def unplaced(self, most: int) -> list[dict[str, Any]]:
        """The largest groups of leads that no row takes."""
        names = ("country", "region", "postal", "employees", "went_to")
        return [
            {**dict(zip(names, key, strict=True)), "leads": leads}
            for key, leads in self.nowhere.most_common(most)
        ]


def roles_of(plan: Plan, table: str) -> list[RoleName]:
    """The roles whose rules ask a table."""
    return [role for role in RoleName if _uses(plan.rule_set(role), table)]


def asks(rules: RuleSet, table: str, facts: Facts) -> bool:
    """Whether a lead comes as far as the rule that asks the table."""
    for at in rules.index.candidates(facts):
        rule = rules.rules[at]
        if rule.verdict(facts) is not True:
            continue
        if rule.table is not None and rule.table.id == table:
            return True
        if rule.aim(facts) is not None:
            return False
    return False


def _uses(rules: RuleSet | None, table: str) -> bool:
    return rules is not None and any(
        rule.table is not None and rule.table.id == table for rule in rules.rules
    )


def _place(facts: Facts) -> tuple[Any, ...]:
    country = facts.get("company.country") or facts.get("country.resolved")
    postal, count = facts.get("place.postal_code"), facts.get("company.headcount")
    return (
        country,
        facts.get("place.region"),
        postal[:_POSTAL_SHOWN] if isinstance(postal, str) else None,
        _band(count) if isinstance(count, int | float) else None,
    )


def _band(count: float) -> str:
    low, high = next(
        (low, high) for low, high in reversed(_BANDS) if count >= low or low == _BANDS[0][0]
    )
    return f"{low}-{high}" if high is not None else f"{low}+"
