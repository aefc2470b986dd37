"""``sources.yaml`` and ``channels.yaml``: who may hand in what, and where leads come from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema

from schemas.base import KindName, Lane, Motion
from schemas.topics import TopicSpec, partner
from services.capture.adapters import ADAPTERS
from services.capture.adapters.base import Adapter, SourceView
from services.capture.adapters.fetching import Fetching
from services.capture.adapters.generic import Generic
from services.capture.adapters.presets import PRESETS, Preset
from services.capture.browser import BrowserConfig
from services.capture.channels import ChannelTable
from services.capture.leadform import TARGETS, is_target
from services.capture.screening_config import (
    Domain,
    Rules,
    Screening,
    SourceScreening,
    rules_for,
)
from services.runtime.configfile import Faults

API = "api"
"""The source of ``/v1/leads`` for keys that are bound to no other."""
GENERIC = "generic"
SOURCES_FILE = "sources.yaml"
CHANNELS_FILE = "channels.yaml"
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def checked_targets(mapping: dict[str, str]) -> dict[str, str]:
    """The mapping, if each of its values is a place for an answer.

    :raises ValueError: names the first that is none, and the places that there are.
    """
    for target in mapping.values():
        if not is_target(target):
            known = ", ".join(sorted(TARGETS))
            raise ValueError(
                f"{target!r} is no place for an answer; one of {known}, full_name,"
                " utm.NAME, click_ids.NAME or fields.NAME"
            )
    return mapping


def _adapter(name: str) -> str:
    if name not in ADAPTERS:
        close = get_close_matches(name, ADAPTERS, 1)
        meant = f"; did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"there is no adapter {name!r}{meant} There are {', '.join(ADAPTERS)}")
    return name


def _base_url(text: str) -> str:
    parts = urlsplit(text)
    here = parts.hostname in ("127.0.0.1", "localhost")
    if parts.scheme != "https" and not (parts.scheme == "http" and here):
        raise ValueError("must be https://…: a token goes there")
    if not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ValueError("must be https://host and maybe a path")
    return text.rstrip("/")


def _preset(name: str) -> str:
    if name not in PRESETS:
        raise ValueError(f"there is no preset {name!r}; there are {', '.join(PRESETS)}")
    return name


PresetName = Annotated[
    str,
    AfterValidator(_preset),
    WithJsonSchema({"type": "string", "enum": sorted(PRESETS)}),
]
AdapterName = Annotated[
    str,
    AfterValidator(_adapter),
    # for editors
    WithJsonSchema({"type": "string", "enum": sorted(ADAPTERS)}),
]
SecretName = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{0,62}$")]
Line = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Limits(_Entry):
    """What one source may send."""

    body_bytes: Annotated[int, Field(ge=256, le=524_288)] = 65_536
    requests_per_second: Annotated[float, Field(gt=0, le=100_000)] = 1_000
    """On average; a burst of the same size is let through."""


class FetchConfig(_Entry):
    """How the person behind an id is read from the vendor."""

    token: SecretName
    """Its value is in ``HANDRAISE_SECRET_<NAME>``."""
    base_url: Annotated[str, AfterValidator(_base_url)] | None = None
    """The vendor's own where it is not given."""
    properties: Annotated[tuple[Line, ...], Field(max_length=100)] = ()
    """What to ask for beyond what the adapter always asks."""
    give_up_hours: Annotated[float, Field(gt=0, le=480)] = 24
    """After so long without an answer the submission becomes a dead letter."""


class SourceConfig(_Entry):
    """One sender: its format, its secret, and what its submissions mean."""

    adapter: AdapterName
    secret: SecretName | None = None
    """Its value is in ``HANDRAISE_SECRET_<NAME>``. Only ``api`` may do without."""
    kind: KindName = KindName.OTHER
    """What its people ask for, where the form itself does not say."""
    motion: Motion = Motion.INBOUND
    lane: Lane = Lane.LIVE
    form_id: str | None = None
    """Instead of the tool's own, where several forms count as one."""
    events: Annotated[tuple[Line, ...], Field(max_length=100)] = ()
    """Of a sender that tells of many things (Segment, CloudEvents): the names of those that are
    leads. A Segment source takes none but these; with CloudEvents, none means all."""
    mapping: Annotated[dict[str, str], AfterValidator(checked_targets)] = {}
    """The tool's stable reference of a question or hidden field -> a field of the lead."""
    preset: PresetName | None = None
    """With ``generic``: the tool whose ready mapping is the start; ``mapping`` wins over it."""
    delivery_id: Line | None = None
    """With ``generic``: where the body says what the sender calls this submission."""
    limits: Limits = Limits()
    screening: SourceScreening = SourceScreening()
    """What is otherwise than the file's own ``screening``."""
    fetch: FetchConfig | None = None
    """For senders whose events carry ids only."""
    topic: Literal["partner"] | None = None
    """Handed in over Kafka instead: the partner produces to ``submissions.partner.<name>.v1``."""
    browser: BrowserConfig | None = None
    """With ``api``: pages that post here themselves, with a publishable key."""
    verify_token: SecretName | None = None
    """Secret that the vendor repeats when it checks the address, where that is another one."""


class SourcesFile(_Entry):
    """``sources.yaml``."""

    own_domains: tuple[Domain, ...] = ()
    """Our own: their people's submissions are tests, and links from there are no referrals."""
    screening: Screening = Screening()
    sources: dict[str, SourceConfig]


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


def partner_topics(config: CaptureConfig) -> list[TopicSpec]:
    """The topics over which partners hand in, each bound to its source."""
    return [
        partner(source.name, source.config.lane)
        for source in config.sources.values()
        if source.config.topic is not None
    ]


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
    )


def _source(name: str, config: SourceConfig, screening: Screening) -> Source:
    view = SourceView(config.mapping, config.kind, config.form_id, frozenset(config.events))
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
        if source.adapter == "meta_lead_ads" and source.verify_token is None:
            faults.add(SOURCES_FILE, place, "needs `verify_token`, which Meta asks for and repeats")
        if source.adapter != GENERIC and (source.preset or source.delivery_id):
            faults.add(SOURCES_FILE, place, "`preset` and `delivery_id` are for `generic` alone")
        if source.browser is not None and source.adapter != API:
            faults.add(SOURCES_FILE, (*place, "browser"), "is for sources with `adapter: api`")
        if name == API and source.adapter != API:
            faults.add(SOURCES_FILE, (*place, "adapter"), "`api` is the source of /v1/leads")


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
