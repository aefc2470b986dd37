"""``enrichment.yaml``: what is wanted, who can give it, and how long a lead may wait for it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas.base import KindName, Lane
from services.runtime.configfile import parse as parse_file

FILE = "enrichment.yaml"

BuyableField = Literal[
    "company", "company_country", "department", "headcount", "industry", "seniority"
]
"""The facts that a provider may give, by the names that LeadEnriched carries."""

SUBJECT = frozenset({"domain", "email", "company", "country", "first_name", "last_name"})
"""What a URL template may ask about. ``domain`` is that of a business e-mail, and no other."""

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Outcome(StrEnum):
    """How a question to a provider ended."""

    MATCHED = "matched"
    NO_MATCH = "no_match"
    """The provider knows nothing: an answer, kept for a while, no fault."""
    SKIPPED = "skipped"
    """Not asked: something that the question needs is unknown."""
    RATE_LIMITED = "rate_limited"
    QUOTA = "quota"
    ERROR = "error"
    BREAKER_OPEN = "breaker_open"
    """Not asked: the provider failed so often that it is left alone for a while."""


class LaneBudget(_Strict):
    """Milliseconds that a lead of one lane may wait for providers."""

    default: Annotated[int, Field(ge=0, le=60_000)] = 800
    kinds: dict[KindName, Annotated[int, Field(ge=0, le=60_000)]] = {}
    """Kinds with a budget of their own; 0 publishes at once and corrects later."""


class Budgets(_Strict):
    live: LaneBudget = LaneBudget()
    bulk: LaneBudget = LaneBudget(default=5_000)

    def of(self, lane: Lane, kind: KindName) -> float:
        """Seconds."""
        budget = self.live if lane is Lane.LIVE else self.bulk
        return budget.kinds.get(kind, budget.default) / 1000


class Rate(_Strict):
    """At most ``calls`` in ``seconds``."""

    calls: Annotated[int, Field(ge=1, le=100_000)]
    seconds: Annotated[float, Field(gt=0, le=86_400)] = 1.0


class Breaker(_Strict):
    """After ``failures`` in a row the provider is left alone for ``seconds``."""

    failures: Annotated[int, Field(ge=1, le=1000)] = 5
    seconds: Annotated[float, Field(gt=0, le=3600)] = 30.0


class HttpProvider(_Strict):
    """A provider that answers JSON over HTTP."""

    enabled: bool = True
    method: Literal["GET", "POST"] = "GET"
    url: Annotated[str, Field(max_length=2000)]
    """Template; ``{domain}``, ``{email}``, ``{company}``, ``{country}``, ``{first_name}`` and
    ``{last_name}`` are replaced, percent-encoded. A lead that lacks one is not asked about."""
    headers: dict[str, str] = {}
    """``{secret}`` stands for the value of ``secret``."""
    secret: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")] | None = None
    """Name of the secret: the environment variable ``HANDRAISE_SECRET_<name>``."""
    answer: Annotated[dict[BuyableField, str], Field(min_length=1)]
    """Where each field stands in the answer, as a JSON pointer (RFC 6901)."""
    confirm: str | None = None
    """JSON pointer to the domain that the answer is about; another one is no match."""
    statuses: dict[int, Outcome] = {}
    """What a status means where the vendor differs from custom (Hunter's 403 is a rate limit)."""
    timeout_ms: Annotated[int, Field(ge=10, le=60_000)] = 2_000
    """For one question, its repeats and its wait for the rate limit included."""
    attempts: Annotated[int, Field(ge=1, le=5)] = 2
    """Only lost connections and 5xx are tried again."""
    max_bytes: Annotated[int, Field(ge=100, le=10_000_000)] = 262_144
    rate: Rate = Rate(calls=10)
    breaker: Breaker = Breaker()
    confidence: Annotated[float, Field(gt=0, le=1)] = 0.8
    cost: Annotated[float, Field(ge=0)] = 0.0
    """Of one matched answer, in the currency of the contract."""
    keep_days: Annotated[int, Field(ge=0, le=3650)] = 30
    """How long an answer counts as fresh and is not bought again."""
    keep_miss_days: Annotated[int, Field(ge=0, le=3650)] = 3

    @property
    def needs(self) -> frozenset[str]:
        """What must be known of a lead before this provider can be asked."""
        return frozenset(_PLACEHOLDER.findall(self.url))

    @model_validator(mode="after")
    def _sound(self) -> Self:
        unknown = sorted(self.needs - SUBJECT)
        if unknown:
            raise ValueError(f"url: {{{unknown[0]}}} is not one of {', '.join(sorted(SUBJECT))}")
        address = urlsplit(self.url)
        if "{" in address.netloc or not address.hostname:
            raise ValueError("url: the host must be fixed")
        if address.scheme != "https" and address.hostname not in _LOOPBACK:
            raise ValueError("url: must begin with https://")
        for pointer in (*self.answer.values(), self.confirm or ""):
            if pointer and not pointer.startswith("/"):
                raise ValueError(f"{pointer!r} is no JSON pointer; it must begin with /")
        used = any("{secret}" in value for value in self.headers.values())
        if used != (self.secret is not None):
            raise ValueError("secret and the {secret} in headers need each other")
        return self


class WantedField(_Strict):
    """A field worth waiting for."""

    waterfall: Annotated[tuple[str, ...], Field(min_length=1)]
    """Providers in the order in which they are asked, until one knows."""


class EnrichmentFile(_Strict):
    """The whole file."""

    version: Literal[1] = 1
    budget_ms: Budgets = Budgets()
    fields: dict[BuyableField, WantedField] = {}
    """List what scoring and routing read, and no more: everything else is paid for nothing."""
    providers: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")], HttpProvider] = {}

    @model_validator(mode="after")
    def _references(self) -> Self:
        for name, field in self.fields.items():
            for provider in field.waterfall:
                if provider not in self.providers:
                    raise ValueError(f"fields.{name}: there is no provider {provider!r}")
                if name not in self.providers[provider].answer:
                    raise ValueError(f"fields.{name}: {provider!r} does not answer it")
        return self


@dataclass(frozen=True, slots=True)
class EnrichmentConfig:
    """What the service works with."""

    budgets: Budgets
    wanted: Mapping[str, tuple[str, ...]]
    """Field to the enabled providers of its waterfall; fields that nobody can give are absent."""
    providers: Mapping[str, HttpProvider]
    """The enabled ones."""


FILES: dict[str, type[BaseModel]] = {FILE: EnrichmentFile}


def parse(files: Mapping[str, str]) -> EnrichmentConfig:
    """The configuration of this service.

    :raises services.runtime.configfile.ConfigError: with every fault and its line.
    """
    return resolve(parse_file(EnrichmentFile, files.get(FILE, "version: 1\n"), FILE))


def resolve(file: EnrichmentFile) -> EnrichmentConfig:
    """The file without what is switched off."""
    enabled = {name: provider for name, provider in file.providers.items() if provider.enabled}
    waterfalls: dict[str, tuple[str, ...]] = {
        name: tuple(provider for provider in field.waterfall if provider in enabled)
        for name, field in file.fields.items()
    }
    wanted: dict[str, tuple[str, ...]] = {
        name: waterfall for name, waterfall in waterfalls.items() if waterfall
    }
    return EnrichmentConfig(file.budget_ms, wanted, enabled)


def missing_secrets(config: EnrichmentConfig, names: frozenset[str]) -> list[tuple[str, str]]:
    """Path and what is wrong, for each enabled provider whose secret is not there."""
    return [
        (f"providers.{name}.secret", f"HANDRAISE_SECRET_{provider.secret} is not set")
        for name, provider in config.providers.items()
        if provider.secret is not None and provider.secret not in names
    ]
