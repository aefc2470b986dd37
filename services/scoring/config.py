"""``scoring.yaml``: what a lead is worth, as rules that a revenue team can read.

Points are whole numbers here and hundredths everywhere else, so that decay loses nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas.activity import ActivityName, Actor
from schemas.base import KindName, TierName
from services.kernel.conditions import EnrichedCondition
from services.kernel.faults import Fault, did_you_mean, validation_error
from services.runtime.configfile import parse as parse_file
from services.scoring.happening_config import (
    ActivitySection,
    SignalRule,
    Together,
    signal_faults,
)
from services.scoring.outbound import Outbound, outbound_faults
from services.scoring.pages import PageRule

FILE = "scoring.yaml"

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
Points = Annotated[int, Field(ge=-1000, le=1000)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Limits(_Strict):
    """The most and the least that a group may give, in points."""

    cap: Annotated[int, Field(ge=0, le=10_000)] | None = None
    floor: Annotated[int, Field(ge=-10_000, le=0)] | None = None


class FitRule(_Strict):
    """Points for who somebody is."""

    id: Name
    group: Name
    points: Points
    when: EnrichedCondition
    """Unknown counts as no: nobody gains or loses points for what is not known."""


class IntentRule(_Strict):
    """Points for what somebody did: once for each submission of one of the kinds, and for each of
    the newest activities of one of the names."""

    id: Name
    group: Name
    kinds: frozenset[KindName] = frozenset()
    activities: frozenset[ActivityName] = frozenset()
    pages: frozenset[str] = frozenset()
    """Only views of such pages (``page_kind``); none named: whatever the page."""
    actor: Actor | None = None
    """Only what a human, or an automation, did."""
    most: Annotated[int, Field(ge=1, le=100)] = 10
    """So many activities count, the newest."""
    points: Points
    half_life_days: Annotated[int, Field(ge=1, le=365)] | None = None
    """Half of the points are left after so many whole days; absent: they stay."""
    when: EnrichedCondition | None = None
    """About the lead as it is known now."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.kinds and not self.activities:
            raise ValueError("kinds or activities must say what earns the points")
        if (self.pages or self.actor) and not self.activities:
            raise ValueError("pages and actor are about activities, and none are named")
        return self


class FitSection(Limits):
    """Who they are."""

    groups: dict[Name, Limits] = {}
    rules: tuple[FitRule, ...] = ()


class IntentSection(Limits):
    """What they do."""

    groups: dict[Name, Limits] = {}
    rules: tuple[IntentRule, ...] = ()


class Band(_Strict):
    """A named range of points, from ``min`` up to the band above."""

    name: Name
    min: Annotated[int, Field(ge=-10_000, le=10_000)] | None = None
    """Absent in the last band, which takes all that is left."""


class Bands(_Strict):
    """Best band first."""

    fit: Annotated[tuple[Band, ...], Field(min_length=1, max_length=10)]
    intent: Annotated[tuple[Band, ...], Field(min_length=1, max_length=10)]


class Hot(_Strict):
    """Requests that set the intent band by themselves, whatever the points say."""

    kinds: frozenset[KindName]
    band: Name
    """At least this intent band."""
    days: Annotated[int, Field(ge=0, le=365)] = 14
    """For so many days after we received it."""


class Mql(_Strict):
    """At least these bands make a marketing-qualified lead."""

    fit: Name
    intent: Name


class ScoringFile(_Strict):
    """The whole file."""

    version: Literal[1] = 1
    fit: FitSection
    intent: IntentSection
    bands: Bands
    hot: Hot
    tiers: dict[Name, dict[Name, TierName]]
    """Fit band to intent band to tier; every pair must be there."""
    mql: Mql
    activities: ActivitySection = ActivitySection()
    pages: Annotated[tuple[PageRule, ...], Field(max_length=200)] = ()
    """What sort of page a view was of, where its sender does not say; the first that fits."""
    signals: tuple[SignalRule, ...] = ()
    together: Together | None = None
    outbound: Outbound | None = None

    @model_validator(mode="after")
    def _references(self) -> Self:
        faults = [
            *_bands(self.bands),
            *_matrix(self),
            *_groups("fit", self.fit),
            *_groups("intent", self.intent, *(rule.group for rule in self.signals)),
            *signal_faults(self.signals),
            *outbound_faults(self.outbound),
            *_ids(self),
            *_known(("hot", "band"), self.hot.band, _names(self.bands.intent)),
            *_known(("mql", "fit"), self.mql.fit, _names(self.bands.fit)),
            *_known(("mql", "intent"), self.mql.intent, _names(self.bands.intent)),
        ]
        if faults:
            raise validation_error(type(self).__name__, faults)
        return self


FILES: dict[str, type[BaseModel]] = {FILE: ScoringFile}


def parse(files: Mapping[str, str]) -> ScoringFile:
    """The file of this service.

    :raises services.runtime.configfile.ConfigError: with every fault and its line.
    """
    return parse_file(ScoringFile, files.get(FILE, ""), FILE)


def _names(bands: tuple[Band, ...]) -> list[str]:
    return [band.name for band in bands]


def _known(path: tuple[str | int, ...], name: str, names: list[str]) -> Iterator[Fault]:
    if name not in names:
        yield Fault(path, f"there is no band {name!r}{did_you_mean(name, names)}")


def _bands(bands: Bands) -> Iterator[Fault]:
    for side, row in (("fit", bands.fit), ("intent", bands.intent)):
        for at, band in enumerate(row):
            path = ("bands", side, at)
            if band.name in _names(row[:at]):
                yield Fault((*path, "name"), f"there are two bands {band.name!r}")
            if (band.min is None) != (at == len(row) - 1):
                yield Fault(path, "every band but the last has a min, and the last has none")
            above = row[at - 1].min if at else None
            if above is not None and band.min is not None and band.min >= above:
                yield Fault((*path, "min"), f"must be below {above}, the band above it")


def _matrix(file: ScoringFile) -> Iterator[Fault]:
    fits, intents = _names(file.bands.fit), _names(file.bands.intent)
    for fit in fits:
        if fit not in file.tiers:
            yield Fault(("tiers",), f"the row of fit band {fit!r} is missing")
    for fit, row in file.tiers.items():
        yield from _known(("tiers", fit), fit, fits)
        for intent in row:
            yield from _known(("tiers", fit, intent), intent, intents)
        for intent in intents:
            if intent not in row:
                yield Fault(("tiers", fit), f"the tier of intent band {intent!r} is missing")


def _groups(side: str, section: FitSection | IntentSection, *more: str) -> Iterator[Fault]:
    used = {rule.group for rule in section.rules} | set(more)
    for name in section.groups:
        if name not in used:
            near = did_you_mean(name, sorted(used))
            yield Fault((side, "groups", name), f"no rule is in the group {name!r}{near}")


def _ids(file: ScoringFile) -> Iterator[Fault]:
    seen: set[str] = set()
    rows: tuple[tuple[str, tuple[FitRule | IntentRule, ...]], ...] = (
        ("fit", file.fit.rules),
        ("intent", file.intent.rules),
    )
    for side, rules in rows:
        for at, rule in enumerate(rules):
            if rule.id in seen:
                yield Fault((side, "rules", at, "id"), f"there are two rules {rule.id!r}")
            seen.add(rule.id)
