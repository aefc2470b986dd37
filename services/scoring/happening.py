"""What activities and signals earn. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from schemas.score import ActiveSignal, CountedActivity, Dimension, LedgerLine, RecentActivity
from schemas.signal import SignalName
from services.scoring.config import IntentRule, ScoringFile
from services.scoring.decay import Earner, fading
from services.scoring.happened import Around, Happened, Seen
from services.scoring.happening_config import SIGNALS_GROUP, SignalRule

TOGETHER = "signals_together"
"""Rule of the line that several sorts of signals earn at once."""
RECENT = 5
"""Activities that travel with a score; whoever calls wants to know the last, not all."""

COUNTED = 100
"""Activities that travel for rules which count; a rule cannot ask for more."""


def counted(rule: IntentRule, activities: Iterable[Happened]) -> list[Happened]:
    """The activities that earn a rule's points: the newest, each once, the oldest of them first."""
    if not rule.activities:
        return []
    such = {one.event: one for one in activities if _fits(rule, one)}
    newest = sorted(such.values(), key=_order, reverse=True)[: rule.most]
    return newest[::-1]


def seen_lines(model: ScoringFile, signals: Iterable[Seen], now: datetime) -> Iterator[LedgerLine]:
    """A line for each signal that is still worth something, and one for several at once."""
    sorts: dict[SignalName, Seen] = {}
    for seen, _, line in _active(model, signals, now):
        sorts[seen.signal] = seen
        yield line
    together = model.together
    if together is not None and together.points and len(sorts) >= together.signals:
        newest = max(sorts.values(), key=_order)
        yield LedgerLine(
            rule=TOGETHER,
            dimension=Dimension.INTENT,
            group=SIGNALS_GROUP,
            points=together.points * 100,
            event=newest.event,
        )


def active_signals(
    model: ScoringFile, signals: Iterable[Seen], now: datetime
) -> tuple[ActiveSignal, ...]:
    """The signals that count now, the newest first, for whoever is told."""
    found = [
        ActiveSignal(
            signal=seen.signal,
            at=seen.at,
            provider=seen.provider,
            detail=seen.detail,
            url=seen.url,
            points=line.points,
            tell=tuple(one.value for one in rule.tell),
        )
        for seen, rule, line in _active(model, signals, now)
    ]
    return tuple(sorted(found, key=lambda one: (one.at, one.signal), reverse=True))


def recent(around: Around) -> tuple[RecentActivity, ...]:
    """The last few activities, the newest first."""
    newest = sorted(around.activities, key=_order, reverse=True)[:RECENT]
    return tuple(
        RecentActivity(
            activity=one.activity,
            at=one.at,
            page_kind=one.page_kind,
            page_url=one.page_url,
            detail=one.detail,
        )
        for one in newest
    )


def counted_by_rules(around: Around) -> tuple[CountedActivity, ...]:
    """What travels with a score for rules of routing that count, the newest first."""
    newest = sorted(_once(around.activities), key=_order, reverse=True)[:COUNTED]
    return tuple(
        CountedActivity(
            kind=one.activity,
            at=one.at,
            actor=one.actor,
            source=one.source,
            page_kind=one.page_kind,
            amount=one.amount,
        )
        for one in newest
    )


def _once(activities: Iterable[Happened]) -> Iterable[Happened]:
    return {one.event: one for one in activities}.values()


def _active(
    model: ScoringFile, signals: Iterable[Seen], now: datetime
) -> Iterator[tuple[Seen, SignalRule, LedgerLine]]:
    rules = {rule.signal: rule for rule in model.signals}
    for seen in sorted({one.event: one for one in signals}.values(), key=_order):
        rule = rules.get(seen.signal)
        if rule is None:
            continue
        points = round(rule.points * 100 * seen.strength)
        earner = Earner(rule.id, rule.group, points, rule.half_life_days)
        if (line := fading(earner, seen.event, seen.at, now)) is not None:
            yield seen, rule, line


def _fits(rule: IntentRule, activity: Happened) -> bool:
    return (
        activity.activity in rule.activities
        and (not rule.pages or activity.page_kind in rule.pages)
        and (rule.actor is None or activity.actor is rule.actor)
    )


def _order(one: Happened | Seen) -> tuple[datetime, str]:
    return one.at, str(one.event)
