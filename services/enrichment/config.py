"""``enrichment.yaml``: what is wanted, who can give it, and how long a lead may wait for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, model_validator

from schemas.base import KindName, Lane
from services.enrichment.providers.catalog import Settings, endpoints_of
from services.enrichment.providers.contract import Endpoint
from services.enrichment.providers.settings import (
    BuyableField,
    ProviderSettings,
    Strict,
)
from services.runtime.configfile import parse as parse_file

FILE = "enrichment.yaml"

ProviderName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]


class LaneBudget(Strict):
    """Milliseconds that a lead of one lane may wait for providers."""

    default: Annotated[int, Field(ge=0, le=60_000)] = 800
    kinds: dict[KindName, Annotated[int, Field(ge=0, le=60_000)]] = Field(default_factory=dict)
    """Kinds with a budget of their own; 0 publishes at once and corrects later."""


class Budgets(Strict):
    live: LaneBudget = LaneBudget()
    bulk: LaneBudget = LaneBudget(default=5_000)

    def of(self, lane: Lane, kind: KindName) -> float:
        """Seconds."""
        budget = self.live if lane is Lane.LIVE else self.bulk
        return budget.kinds.get(kind, budget.default) / 1000


class WantedField(Strict):
    """A field worth asking for."""

    waterfall: Annotated[tuple[str, ...], Field(min_length=1)]
    """Providers in the order in which they are asked, until one knows."""
    min_confidence: Annotated[float, Field(ge=0, le=1)] = 0.0
    """A value that is less certain does not end the waterfall."""
    fresh_days: Annotated[int, Field(ge=0, le=3650)] | None = None
    """How long a bought value is not asked for again; else ``keep_days`` of who gave it."""
    wait: bool = True
    """False: ask, but let no lead wait for it; the answer corrects the lead afterwards."""


class EnrichmentFile(Strict):
    """The whole file."""

    version: Literal[1] = 1
    budget_ms: Budgets = Budgets()
    daily_budget: Annotated[float, Field(ge=0)] | None = None
    """Of all providers together in one UTC day, in the currency of the prices."""
    fields: dict[BuyableField, WantedField] = Field(default_factory=dict)
    """List what scoring and routing read, and no more: everything else is paid for nothing."""
    providers: dict[ProviderName, ProviderSettings] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _references(self) -> Self:
        answers = {name: _answers(one) for name, one in self.providers.items()}
        for name, field in self.fields.items():
            for provider in field.waterfall:
                if provider not in answers:
                    raise ValueError(f"fields.{name}: there is no provider {provider!r}")
                if name not in answers[provider]:
                    raise ValueError(f"fields.{name}: {provider!r} does not answer it")
        return self


def _answers(provider: Settings) -> frozenset[str]:
    return frozenset().union(*(one.fields for one in endpoints_of(provider).values()))


@dataclass(frozen=True, slots=True)
class Source:
    """Where a field may come from."""

    provider: str
    endpoint: Endpoint
    wanted: frozenset[str]
    """All fields that are wanted of this endpoint."""

    @property
    def place(self) -> str:
        """``provider/endpoint``."""
        return f"{self.provider}/{self.endpoint.name}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is wanted of a field."""

    sources: tuple[Source, ...]
    """In the order of asking."""
    min_confidence: float
    fresh: timedelta | None
    wait: bool


@dataclass(frozen=True, slots=True)
class EnrichmentConfig:
    """What the service works with."""

    budgets: Budgets
    wanted: Mapping[str, Wanted]
    """Fields to ask for; those that nobody enabled can give are absent."""
    providers: Mapping[str, Settings]
    """The enabled ones."""
    daily_budget: float | None

    def fresh_for(self, field: str, source: str) -> timedelta:
        """How long a value of a provider is not asked for again.

        :param source: as in its provenance; of a provider that is gone values stay fresh.
        """
        wanted = self.wanted[field].fresh
        if wanted is not None:
            return wanted
        seller = self.providers.get(source.removeprefix("provider:"))
        return timedelta(days=seller.keep_days) if seller else timedelta.max


FILES: dict[str, type[BaseModel]] = {FILE: EnrichmentFile}


def parse(files: Mapping[str, str]) -> EnrichmentConfig:
    """The configuration of this service.

    :raises services.runtime.configfile.ConfigError: with every fault and its line.
    """
    return resolve(parse_file(EnrichmentFile, files.get(FILE, "version: 1\n"), FILE))


def resolve(file: EnrichmentFile) -> EnrichmentConfig:
    """The file without what is switched off."""
    enabled = {name: provider for name, provider in file.providers.items() if provider.enabled}
    places = {name: tuple(_places(name, field, enabled)) for name, field in file.fields.items()}
    wanted_of: dict[str, set[str]] = {}
    for name, found in places.items():
        for provider, endpoint in found:
            wanted_of.setdefault(f"{provider}/{endpoint.name}", set()).add(name)
    wanted: dict[str, Wanted] = {}
    for name, field in file.fields.items():
        sources = tuple(
            Source(provider, endpoint, frozenset(wanted_of[f"{provider}/{endpoint.name}"]))
            for provider, endpoint in places[name]
        )
        if sources:
            fresh = None if field.fresh_days is None else timedelta(days=field.fresh_days)
            wanted[name] = Wanted(sources, field.min_confidence, fresh, field.wait)
    return EnrichmentConfig(file.budget_ms, wanted, enabled, file.daily_budget)


def _places(
    name: str, field: WantedField, enabled: Mapping[str, Settings]
) -> Iterator[tuple[str, Endpoint]]:
    for provider in field.waterfall:
        if provider in enabled:
            for endpoint in endpoints_of(enabled[provider]).values():
                if name in endpoint.fields:
                    yield provider, endpoint


def missing_secrets(config: EnrichmentConfig, names: frozenset[str]) -> list[tuple[str, str]]:
    """Path and what is wrong, for each enabled provider whose secret is not there."""
    secrets = {name: getattr(one, "secret", None) for name, one in config.providers.items()}
    return [
        (f"providers.{name}.secret", f"HANDRAISE_SECRET_{secret} is not set")
        for name, secret in secrets.items()
        if secret is not None and secret not in names
    ]
