"""``sources.yaml`` and ``channels.yaml``: who may hand in what, and where leads come from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from schemas.base import KindName
from schemas.topics import TopicSpec, partner
from services.capture.adapters import ADAPTERS
from services.capture.adapters.base import Adapter, SourceView
from services.capture.adapters.feeds import Feed
from services.capture.adapters.fetching import Fetching
from services.capture.adapters.generic import Generic
from services.capture.adapters.presets import PRESETS, Preset
from services.capture.channels import ChannelTable
from services.capture.feedconfig import FeedConfig
from services.capture.reasons import Reasons
from services.capture.screening_config import (
    Rules,
    Screening,
    rules_for,
)
from services.capture.sourcesfile import SourceConfig, SourcesFile, checked_targets
from services.runtime.configfile import Faults

API = "api"
"""The source of ``/v1/leads`` for keys that are bound to no other."""
GENERIC = "generic"
META = "meta_lead_ads"
SEGMENT = "segment"
TELLS_OF_MANY = (SEGMENT, "cloudevents")
"""Adapters of senders that tell of more than leads."""
VISITORS = "visitor_id"
ASKS_FOR_A_TALK = (KindName.DEMO_REQUEST, KindName.CONTACT_SALES, KindName.PRICING_REQUEST)
SOURCES_FILE = "sources.yaml"
CHANNELS_FILE = "channels.yaml"
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")


@dataclass(frozen=True, slots=True)
class Source:
    """A source as the code uses it."""

    name: str
    config: SourceConfig
    adapter: Adapter
    view: SourceView
    rules: Rules = field(default_factory=Rules)


@dataclass(frozen=True, slots=True)
class CaptureConfig:
    """All that capture decides with."""

    sources: Mapping[str, Source]
    """By name; holds ``api`` always."""
    own_domains: frozenset[str]
    channels: ChannelTable
    resolver: str | None = None
    """Who is asked for MX records; None: nobody."""
    origins: frozenset[str] = frozenset()
    """Sites whose pages may post, to whichever source."""
    reasons: Reasons = field(default_factory=Reasons)
    """Why somebody may be disqualified."""


def partner_topics(config: CaptureConfig) -> list[TopicSpec]:
    """The topics over which partners hand in, each bound to its source."""
    return [
        partner(source.name, source.config.lane)
        for source in config.sources.values()
        if source.config.topic is not None
    ]


def is_feed(source: Source) -> bool:
    """Whether it tells what happened, and not who raised a hand."""
    return isinstance(source.adapter, Feed)


def feeds(config: CaptureConfig) -> dict[str, timedelta]:
    """The sources that tell what happened, each with how long it may be silent."""
    return {
        source.name: (source.config.feed or FeedConfig()).stale_after
        for source in config.sources.values()
        if is_feed(source)
    }


def parse(files: Mapping[str, str]) -> CaptureConfig:
    """The configuration of capture.

    :raises ConfigError: with every fault of both files, each with its line.
    """
    faults = Faults(files)
    sources = faults.parse(SourcesFile, SOURCES_FILE)
    channels = faults.parse(ChannelTable, CHANNELS_FILE)
    if sources is not None:
        _check_sources(sources, faults)
    if sources is not None and channels is not None:
        _check_channels(channels, sources, faults)
    faults.check()
    assert sources is not None
    assert channels is not None
    configs = {API: SourceConfig(adapter="api"), **sources.sources}
    return CaptureConfig(
        {name: _source(name, config, sources.screening) for name, config in configs.items()},
        frozenset(sources.own_domains),
        channels,
        sources.screening.resolver,
        frozenset(
            origin
            for config in configs.values()
            if config.browser is not None
            for origin in config.browser.origins
        ),
        Reasons.read(files),
    )


def _source(name: str, config: SourceConfig, screening: Screening) -> Source:
    feed = config.feed or FeedConfig()
    view = SourceView(
        config.mapping,
        config.kind,
        config.form_id,
        frozenset(config.events),
        feed.activities,
        feed.reps,
        feed.paths,
        config.contact_basis,
    )
    rules = rules_for(screening, config.screening)
    if config.browser is not None and rules.network is None:
        # Visitors post here themselves, so that a network's haste tells something.
        rules = replace(rules, network="request")
    return Source(name, config, _adapter_of(config), view, rules)


def _adapter_of(config: SourceConfig) -> Adapter:
    if config.adapter != GENERIC:
        return ADAPTERS[config.adapter]
    preset = PRESETS[config.preset] if config.preset else Preset()
    return Generic(replace(preset, delivery_id=config.delivery_id or preset.delivery_id))


def _check_sources(file: SourcesFile, faults: Faults) -> None:
    for name, source in file.sources.items():
        place = ("sources", name)
        if not _NAME.fullmatch(name):
            faults.add(
                SOURCES_FILE,
                place,
                "a source's name is part of its address: a-z, then a-z, 0-9, - and _",
            )
        if source.topic is not None and (source.secret or source.fetch):
            faults.add(SOURCES_FILE, place, "a partner's topic takes neither `secret` nor `fetch`")
        if source.adapter != API and source.secret is None and source.topic is None:
            faults.add(
                SOURCES_FILE,
                place,
                f"needs `secret`: anybody could post to an unsigned {source.adapter} source",
            )
        if (source.fetch is None) == isinstance(ADAPTERS[source.adapter], Fetching):
            needs = "needs `fetch`" if source.fetch is None else "has nothing to `fetch`"
            faults.add(SOURCES_FILE, place, f"{source.adapter} {needs}")
        if source.adapter == META and source.verify_token is None:
            faults.add(SOURCES_FILE, place, "needs `verify_token`, which Meta asks for and repeats")
        if source.adapter != GENERIC and (source.preset or source.delivery_id):
            faults.add(SOURCES_FILE, place, "`preset` and `delivery_id` are for `generic` alone")
        _check_blocks(place, source, faults)
        if name == API and source.adapter != API:
            faults.add(SOURCES_FILE, (*place, "adapter"), "`api` is the source of /v1/leads")


def _check_blocks(place: tuple[str, str], source: SourceConfig, faults: Faults) -> None:
    """What is for some adapters alone."""
    if source.feed is not None and not isinstance(ADAPTERS[source.adapter], Feed):
        faults.add(SOURCES_FILE, (*place, "feed"), f"{source.adapter} tells of leads alone")
    if source.contact_basis is not None and source.adapter != VISITORS:
        faults.add(SOURCES_FILE, (*place, "contact_basis"), f"is for `{VISITORS}` alone")
    if source.adapter == VISITORS and source.kind in ASKS_FOR_A_TALK:
        faults.add(
            SOURCES_FILE,
            (*place, "kind"),
            "somebody who was on the website asked for nothing: a visit is never hot alone",
        )
    if source.browser is not None and source.adapter != API:
        faults.add(SOURCES_FILE, (*place, "browser"), "is for sources with `adapter: api`")
    if source.verify_token is not None and source.adapter != META:
        faults.add(SOURCES_FILE, (*place, "verify_token"), f"is for `{META}` alone")
    _check_what_is_read(place, source, faults)


def _check_what_is_read(place: tuple[str, str], source: SourceConfig, faults: Faults) -> None:
    """What would be written in vain, or is missing so that nothing would be read."""
    if source.events and source.adapter not in TELLS_OF_MANY:
        faults.add(SOURCES_FILE, (*place, "events"), f"is for {' and '.join(TELLS_OF_MANY)} alone")
    if source.adapter == SEGMENT and not source.events:
        faults.add(SOURCES_FILE, place, "needs `events`: the names of those that are leads")
    if source.mapping and isinstance(ADAPTERS[source.adapter], Feed):
        faults.add(
            SOURCES_FILE, (*place, "mapping"), f"{source.adapter} is read by `feed.paths` alone"
        )


def _check_channels(table: ChannelTable, file: SourcesFile, faults: Faults) -> None:
    known = {API, *file.sources}
    for number, rule in enumerate(table.channels):
        for name in rule.when.source or ():
            if name not in known:
                faults.add(
                    CHANNELS_FILE,
                    ("channels", number, "when", "source"),
                    f"there is no source {name!r} in {SOURCES_FILE}",
                )


__all__ = [
    "API",
    "ASKS_FOR_A_TALK",
    "CHANNELS_FILE",
    "GENERIC",
    "SOURCES_FILE",
    "VISITORS",
    "CaptureConfig",
    "Source",
    "checked_targets",
    "parse",
    "partner_topics",
]
