"""What a lead is worth, and every line that adds up to it. The same input gives the same integers.

All points are hundredths. Fit comes from what is known about the lead, intent from its touches, its
activities and its account's signals, each losing points by whole days. A cap is a line of its own,
so that the lines of a dimension always add up to its score.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from uuid import UUID

from schemas.base import KindName, TierName
from schemas.score import Dimension, LedgerLine, Score
from services.kernel.conditions import Facts
from services.kernel.facts import as_of
from services.scoring.config import Band, FitSection, IntentRule, IntentSection, Limits, ScoringFile
from services.scoring.decay import Earner, fading
from services.scoring.happened import NOTHING, Around, Happened, countable
from services.scoring.happening import counted, seen_lines

TOTAL = "total"
"""Group of the lines that cap a whole dimension."""

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Touch:
    """One thing that a person did."""

    event: UUID
    """Id of the event that told of it; the same touch told twice counts once."""
    kind: KindName
    at: datetime
    """When the person did it; what decay counts from."""
    received_at: datetime
    """When we learned of it; what the days of a hot request count from."""


@dataclass(frozen=True, slots=True)
class Scored:
    """The outcome with its reasons."""

    score: Score
    ledger: tuple[LedgerLine, ...]
    fit_band: str
    intent_band: str
    tier: TierName
    mql: bool


def score(
    model: ScoringFile,
    facts: Facts,
    touches: Iterable[Touch],
    now: datetime,
    around: Around = NOTHING,
) -> Scored:
    """Score a lead.

    :param facts: what is known, by the names that rules use.
    :param touches: all of the lead's, in any order.
    :param now: the moment for which the score holds.
    :param around: activities and signals, in any order.
    """
    facts = as_of(facts, now, countable(around.activities))
    known = sorted({touch.event: touch for touch in touches}.values(), key=_order)
    fit = [*_limited(model.fit, list(_fit(model.fit, facts)), Dimension.FIT)]
    earned = list(_intent(model.intent, facts, known, around, now))
    earned += seen_lines(model, around.signals, now)
    intent = [*_limited(model.intent, earned, Dimension.INTENT)]
    fits, intents = _sum(fit), _sum(intent)
    fit_band = _band(model.bands.fit, fits)
    intent_band = _band(model.bands.intent, intents)
    if _is_hot(model, known, now):
        intent_band = min(intent_band, _place(model.bands.intent, model.hot.band))
    fit_name = model.bands.fit[fit_band].name
    intent_name = model.bands.intent[intent_band].name
    return Scored(
        score=Score(fit=fits, intent=intents, total=fits + intents),
        ledger=(*fit, *intent),
        fit_band=fit_name,
        intent_band=intent_name,
        tier=model.tiers[fit_name][intent_name],
        mql=fit_band <= _place(model.bands.fit, model.mql.fit)
        and intent_band <= _place(model.bands.intent, model.mql.intent),
    )


def _fit(section: FitSection, facts: Facts) -> Iterator[LedgerLine]:
    for rule in section.rules:
        if rule.points and rule.when(facts) is True:
            yield _line(rule.id, Dimension.FIT, rule.group, rule.points * 100)


def _intent(
    section: IntentSection,
    facts: Facts,
    touches: Sequence[Touch],
    around: Around,
    now: datetime,
) -> Iterator[LedgerLine]:
    holds = [rule for rule in section.rules if rule.when is None or rule.when(facts) is True]
    for touch in touches:
        for rule in holds:
            if touch.kind in rule.kinds and (earned := _earned(rule, touch, now)) is not None:
                yield earned
    for rule in holds if around.activities else ():
        for activity in counted(rule, around.activities):
            if (earned := _earned(rule, activity, now)) is not None:
                yield earned


def _earned(rule: IntentRule, what: Touch | Happened, now: datetime) -> LedgerLine | None:
    return fading(
        Earner(rule.id, rule.group, rule.points * 100, rule.half_life_days),
        what.event,
        what.at,
        now,
    )


def _limited(
    section: FitSection | IntentSection, lines: list[LedgerLine], dimension: Dimension
) -> Iterator[LedgerLine]:
    """The lines, and after them one for each cap or floor that was reached."""
    yield from lines
    sums: dict[str, int] = {}
    for line in lines:
        sums[line.group] = sums.get(line.group, 0) + line.points
    total = 0
    for group, limits in section.groups.items():
        over = _limit(limits, group, sums.get(group, 0), dimension)
        if over is not None:
            total += over.points
            yield over
    whole = _limit(section, TOTAL, total + sum(sums.values()), dimension)
    if whole is not None:
        yield whole


def _limit(limits: Limits, group: str, points: int, dimension: Dimension) -> LedgerLine | None:
    if limits.cap is not None and points > limits.cap * 100:
        return _line(f"cap:{group}", dimension, group, limits.cap * 100 - points)
    if limits.floor is not None and points < limits.floor * 100:
        return _line(f"floor:{group}", dimension, group, limits.floor * 100 - points)
    return None


def _is_hot(model: ScoringFile, touches: Sequence[Touch], now: datetime) -> bool:
    window = model.hot.days * _DAY
    return any(
        touch.kind in model.hot.kinds and now - touch.received_at <= window for touch in touches
    )


def _band(bands: tuple[Band, ...], points: int) -> int:
    """Index of the band: 0 is the best."""
    for at, band in enumerate(bands):
        if band.min is None or points >= band.min * 100:
            return at
    return len(bands) - 1


def _place(bands: tuple[Band, ...], name: str) -> int:
    return next(at for at, band in enumerate(bands) if band.name == name)


def _sum(lines: Iterable[LedgerLine]) -> int:
    return sum(line.points for line in lines)


def _order(touch: Touch) -> tuple[datetime, str]:
    return touch.at, str(touch.event)


@lru_cache(maxsize=4096)
def _line(rule: str, dimension: Dimension, group: str, points: int) -> LedgerLine:
    """A line about the lead, not about an event: many leads share it, so it is made once."""
    return LedgerLine(rule=rule, dimension=dimension, group=group, points=points)


__all__ = ["TOTAL", "Scored", "Touch", "score"]
