"""What another version of the model would have said of leads that were scored. Pure.

Each lead is taken as it was at its latest score: the same facts, touches, activities and signals,
the same moment. So whatever differs, the model makes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from schemas.base import TierName
from schemas.qualification import Qualification
from services.kernel.conditions import Facts
from services.kernel.facts import as_of
from services.scoring.assess import kept_back
from services.scoring.config import ScoringFile
from services.scoring.happened import Around, countable
from services.scoring.model import Scored, Touch, score
from services.scoring.qualifying import qualify
from services.scoring.rules import Rules

WHY = 3
"""Rules that are named for a move, those that changed most."""
_RANK = {tier: place for place, tier in enumerate(TierName)}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a model says of a lead. Points are hundredths."""

    tier: TierName
    mql: bool
    fit: int
    intent: int
    total: int


@dataclass(frozen=True, slots=True)
class Recorded:
    """A lead as it was at its latest score."""

    lead_id: UUID
    account_key: str
    at: datetime
    version: str
    verdict: Verdict
    points: Mapping[str, int]
    """Hundredths by rule."""
    facts: Facts
    """What was known of it."""
    touches: tuple[Touch, ...]
    around: Around


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one lead."""

    lead_id: UUID
    account_key: str
    before: Verdict
    after: Verdict
    why: tuple[tuple[str, int], ...]
    """Rules, and by how many hundredths their points change: the most first."""

    @property
    def moves(self) -> bool:
        """To another tier."""
        return self.before.tier is not self.after.tier


def again(model: ScoringFile, lead: Recorded) -> Scored:
    """Score a lead as it was."""
    return score(model, lead.facts, lead.touches, lead.at, lead.around)


def qualified(
    rules: Rules, lead: Recorded, scored: Scored
) -> tuple[TierName, Qualification | None]:
    """The tier that routing hears, and how far the lead is qualified.

    A prospect outside the profile, or whose turn has not come, is nurtured, and so is whom sales
    gave up. A prospect who left nurture had a turn.
    """
    facts = as_of(lead.facts, lead.at, countable(lead.around.activities))
    had_turn = lead.verdict.tier is not TierName.NURTURE
    out, line, _ = kept_back(
        rules, facts, scored, lead.touches, lead.around, lead.at, released=had_turn
    )
    tier = TierName.NURTURE if line else scored.tier
    return tier, qualify(rules.qualification, facts, scored, lead.around, out)


def change(rules: Rules, lead: Recorded) -> Change:
    """What becomes of a lead under other rules."""
    found = again(rules.scoring, lead)
    points_of = found.score
    tier, _ = qualified(rules, lead, found)
    after = Verdict(tier, found.mql, points_of.fit, points_of.intent, points_of.total)
    points: Counter[str] = Counter()
    for line in found.ledger:
        points[line.rule] += line.points
    moved = {
        rule: points[rule] - lead.points.get(rule, 0) for rule in points.keys() | lead.points.keys()
    }
    ranked = sorted(
        ((rule, by) for rule, by in moved.items() if by), key=lambda one: (-abs(one[1]), one[0])
    )
    return Change(lead.lead_id, lead.account_key, lead.verdict, after, tuple(ranked[:WHY]))


@dataclass(slots=True)
class Summary:
    """Over all leads."""

    leads: int
    moves: dict[str, dict[str, int]]
    """Tier before, tier after, how many leads."""
    moved: int
    mql_before: int
    mql_after: int
    total_before: float
    """Mean, in points."""
    total_after: float


def summary(changes: Iterable[Change]) -> Summary:
    """Count them."""
    tiers = [tier.value for tier in TierName]
    found = Summary(0, {one: dict.fromkeys(tiers, 0) for one in tiers}, 0, 0, 0, 0.0, 0.0)
    before = after = 0
    for one in changes:
        found.leads += 1
        found.moves[one.before.tier.value][one.after.tier.value] += 1
        found.moved += one.moves
        found.mql_before += one.before.mql
        found.mql_after += one.after.mql
        before += one.before.total
        after += one.after.total
    if found.leads:
        found.total_before = round(before / found.leads / 100, 2)
        found.total_after = round(after / found.leads / 100, 2)
    return found


def movers(changes: Iterable[Change]) -> list[Change]:
    """Those who change tiers, the furthest first."""
    moved = [one for one in changes if one.moves]
    return sorted(moved, key=lambda one: (-_distance(one), -_gain(one), str(one.lead_id)))


def _distance(one: Change) -> int:
    return abs(_RANK[one.before.tier] - _RANK[one.after.tier])


def _gain(one: Change) -> int:
    return abs(one.after.total - one.before.total)
