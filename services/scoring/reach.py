"""How far the points of a model can reach, and so which bands and tiers there can be. Pure.

The bounds are never too narrow: a band that is called out of reach is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import inf

from schemas.base import TierName
from services.kernel.analysis import Goal, possible
from services.kernel.conditions.nodes import Node
from services.kernel.faults import Fault
from services.scoring.config import (
    Band,
    FitRule,
    FitSection,
    IntentSection,
    Limits,
    ScoringFile,
)
from services.scoring.happening_config import SIGNALS_GROUP

Bounds = tuple[float, float]
"""Least and most, in points."""


def fit_bounds(section: FitSection) -> Bounds:
    """What the rules for who somebody is can add up to."""
    groups: dict[str, list[FitRule]] = {}
    for rule in section.rules:
        groups.setdefault(rule.group, []).append(rule)
    bounds = [
        _limited(
            section.groups.get(name),
            (-_most(rules, -1), _most(rules, 1)),
        )
        for name, rules in groups.items()
    ]
    return _limited(section, _sum(bounds))


def intent_bounds(section: IntentSection, earners: Iterable[tuple[str, int]]) -> Bounds:
    """What can be earned, any number of times.

    :param earners: group and points of all that earns.
    """
    groups: dict[str, Bounds] = {}
    for group, points in earners:
        low, high = groups.get(group, (0.0, 0.0))
        groups[group] = (-inf if points < 0 else low, inf if points > 0 else high)
    bounds = [_limited(section.groups.get(name), found) for name, found in groups.items()]
    return _limited(section, _sum(bounds))


def out_of_reach(model: ScoringFile) -> Iterator[Fault]:
    """Bands, tiers and the marketing-qualified mark that no lead can get, with the reason."""
    fit = fit_bounds(model.fit)
    intent = intent_bounds(model.intent, _earners(model))
    fits = _reached(model.bands.fit, fit)
    intents = _reached(model.bands.intent, intent)
    if model.hot.kinds:
        intents.add(model.hot.band)
    yield from _bands("fit", model.bands.fit, fits, fit)
    yield from _bands("intent", model.bands.intent, intents, intent)
    given = {model.tiers[one][other] for one in fits for other in intents}
    named = {tier for row in model.tiers.values() for tier in row.values()}
    for tier in TierName:
        if tier in named - given:
            yield Fault(("tiers",), f"no lead can become {tier.value}: its bands are out of reach")
    good_fit = _from(model.bands.fit, model.mql.fit)
    good_intent = _from(model.bands.intent, model.mql.intent)
    if not (good_fit & fits and good_intent & intents):
        yield Fault(("mql",), "no lead can be marketing-qualified: the bands are out of reach")


def _earners(model: ScoringFile) -> Iterator[tuple[str, int]]:
    for rule in model.intent.rules:
        if rule.when is None or possible([(rule.when.node, Goal.TRUE)]):
            yield rule.group, rule.points
    for signal in model.signals:
        yield signal.group, signal.points
    if model.signals and model.together is not None:
        yield SIGNALS_GROUP, model.together.points


def _most(rules: Sequence[FitRule], sign: int) -> float:
    """At most so many points of one sign: of rules that exclude each other, only one counts."""
    ways: list[list[Node]] = []
    total = 0.0
    for rule in sorted(rules, key=lambda rule: -sign * rule.points):
        node = rule.when.node
        if rule.points * sign <= 0 or not possible([(node, Goal.TRUE)]):
            continue
        home = next((way for way in ways if all(_apart(node, one) for one in way)), None)
        if home is None:
            ways.append([node])
            total += rule.points * sign
        else:
            home.append(node)
    return total


def _apart(one: Node, other: Node) -> bool:
    return not possible([(one, Goal.TRUE), (other, Goal.TRUE)])


def _sum(bounds: Sequence[Bounds]) -> Bounds:
    return sum(low for low, _ in bounds), sum(high for _, high in bounds)


def _limited(limits: Limits | None, bounds: Bounds) -> Bounds:
    cap = inf if limits is None or limits.cap is None else limits.cap
    floor = -inf if limits is None or limits.floor is None else limits.floor
    low, high = bounds
    return min(max(low, floor), cap), max(min(high, cap), floor)


def _reached(bands: tuple[Band, ...], bounds: Bounds) -> set[str]:
    low, high = bounds
    found: set[str] = set()
    above = inf
    for band in bands:
        least = -inf if band.min is None else band.min
        if high >= least and low < above:
            found.add(band.name)
        above = least
    return found


def _bands(
    side: str, bands: tuple[Band, ...], reached: set[str], bounds: Bounds
) -> Iterator[Fault]:
    low, high = bounds
    for at, band in enumerate(bands):
        if band.name not in reached:
            why = f"no lead gets into the band {band.name!r}: {side} lies between"
            yield Fault(("bands", side, at), f"{why} {low:g} and {high:g} points")


def _from(bands: tuple[Band, ...], name: str) -> set[str]:
    """The named band and all above it."""
    names = [band.name for band in bands]
    return set(names[: names.index(name) + 1])
