"""What may be said of a provider in ``enrichment.yaml``."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from services.enrichment.providers.contract import SUBJECT, Outcome

BuyableField = Literal[
    "company", "company_country", "country", "department", "direct_dial", "email_status",
    "funding_stage", "headcount", "headquarters", "industry", "linkedin_url", "mail_provider",
    "phone", "role_confirmed_at", "seniority", "technologies", "time_zone",
]  # fmt: skip
"""The facts that a provider may give, by the names that LeadEnriched carries."""

StatusOutcome = Literal[
    Outcome.MATCHED, Outcome.NO_MATCH, Outcome.RATE_LIMITED, Outcome.QUOTA, Outcome.ERROR
]
"""What a status may mean; the other outcomes are ours."""

SecretName = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Rate(Strict):
    """At most ``calls`` in ``seconds``."""

    calls: Annotated[int, Field(ge=1, le=100_000)]
    seconds: Annotated[float, Field(gt=0, le=86_400)] = 1.0


class Breaker(Strict):
    """After ``failures`` in a row the provider is left alone for ``seconds``."""

    failures: Annotated[int, Field(ge=1, le=1000)] = 5
    seconds: Annotated[float, Field(gt=0, le=3600)] = 30.0


class Asked(Strict):
    """What is true of every provider."""

    enabled: bool = True
    timeout_ms: Annotated[int, Field(ge=10, le=60_000)] = 2_000
    """For one question, its repeats and its wait for the rate limit included; that wait takes half
    of it at most."""
    confidence: Annotated[float, Field(gt=0, le=1)] = 0.8
    keep_days: Annotated[int, Field(ge=0, le=3650)] = 30
    """How long an answer counts as fresh and is not bought again; a field may say otherwise."""
    keep_miss_days: Annotated[int, Field(ge=0, le=3650)] = 3
    daily_budget: Annotated[float, Field(ge=0)] | None = None
    """Of one UTC day, in the currency of the prices; nothing is asked that could exceed it."""


class OverHttp(Asked):
    """What is true of every provider that is asked over HTTP."""

    secret: SecretName | None = None
    """Name of the key: the environment variable ``HANDRAISE_SECRET_<name>``."""
    attempts: Annotated[int, Field(ge=1, le=5)] = 2
    """Only lost connections and 5xx are tried again."""
    max_bytes: Annotated[int, Field(ge=100, le=10_000_000)] = 262_144
    rate: Rate | None = None
    """Where not given: what the vendor's smallest plan allows; 10 a second for ``http``."""
    breaker: Breaker = Breaker()
    quota_pause_s: Annotated[float, Field(ge=0, le=86_400)] = 900.0
    """How long a vendor is left alone whose quota is used up."""


class HttpProvider(OverHttp):
    """A provider that answers JSON over HTTP, as described here."""

    type: Literal["http"] = "http"
    method: Literal["GET", "POST"] = "GET"
    url: Annotated[str, Field(max_length=2000)]
    """Template; ``{domain}``, ``{email}``, ``{any_email}``, ``{company}``, ``{country}``,
    ``{first_name}``, ``{last_name}`` and ``{ip}`` are replaced, percent-encoded. A lead that lacks
    one is not asked about. ``{domain}`` and ``{email}`` are those of business addresses."""
    headers: dict[str, str] = {}
    """``{secret}`` stands for the value of ``secret``."""
    answer: Annotated[dict[BuyableField, str], Field(min_length=1)]
    """Where each field stands in the answer, as a JSON pointer (RFC 6901)."""
    confirm: str | None = None
    """JSON pointer to the domain that the answer is about; another one is no match."""
    statuses: dict[int, StatusOutcome] = {}
    """What a status means where the vendor differs from custom."""
    cost: Annotated[float, Field(ge=0)] = 0.0
    """Of one matched answer, in the currency of the contract."""
    miss_cost: Annotated[float, Field(ge=0)] = 0.0

    @property
    def needs(self) -> frozenset[str]:
        """What must be known of a lead before this provider can be asked."""
        return frozenset(_PLACEHOLDER.findall(self.url))

    @model_validator(mode="after")
    def _sound(self) -> Self:
        unknown = sorted(self.needs - SUBJECT)
        if unknown:
            raise ValueError(f"url: {{{unknown[0]}}} is not one of {', '.join(sorted(SUBJECT))}")
        check_address(self.url, "url")
        for pointer in (*self.answer.values(), self.confirm or ""):
            if pointer and not pointer.startswith("/"):
                raise ValueError(f"{pointer!r} is no JSON pointer; it must begin with /")
        used = any("{secret}" in value for value in self.headers.values())
        if used != (self.secret is not None):
            raise ValueError("secret and the {secret} in headers need each other")
        return self


class Vendor(OverHttp):
    """A vendor whose API Handraise knows. See ``docs/providers``."""

    type: Literal["hunter", "abstract", "ipinfo"]
    secret: SecretName
    """Name of the key: the environment variable ``HANDRAISE_SECRET_<name>``."""
    address: str | None = None
    """Instead of the vendor's own: a proxy, or its endpoint of another region."""
    prices: dict[str, Annotated[float, Field(ge=0)]] = {}
    """What one charged question to an endpoint costs by your contract, by name of the endpoint."""

    @model_validator(mode="after")
    def _fixed(self) -> Self:
        if self.address is not None:
            check_address(self.address, "address")
        return self


class Phones(Strict):
    """Direct dials, which Apollo brings minutes after it was asked."""

    webhook: Annotated[str, Field(max_length=500)]
    """Where Apollo reaches the enrichment service from outside: ``https://hooks.example.com``, of
    which ``/callbacks/…`` is led to it."""
    wait_hours: Annotated[int, Field(ge=1, le=720)] = 24
    """Until nothing is waited for any more."""

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        check_address(self.webhook, "webhook")
        if urlsplit(self.webhook).query or self.webhook.endswith("/"):
            raise ValueError("webhook: no ? and no / at the end: /callbacks/… is put behind it")
        return self


class Apollo(Vendor):
    """Apollo."""

    type: Literal["apollo"]  # type: ignore[assignment]
    phones: Phones | None = None
    """Without it nobody is asked for direct dials, which cost extra."""


class PeopleDataLabs(Vendor):
    """People Data Labs."""

    type: Literal["people_data_labs"]  # type: ignore[assignment]
    min_likelihood: Annotated[int, Field(ge=1, le=10)] = 6
    """A weaker match is a miss, and free."""


class MaxMindFile(Asked):
    """A MaxMind database file (GeoLite2 or GeoIP2 City or Country, IPinfo Lite) on this machine."""

    type: Literal["maxmind"]
    file: Annotated[str, Field(min_length=1, max_length=1000)]
    """Path of the ``.mmdb``; read again when it is replaced."""
    confidence: Annotated[float, Field(gt=0, le=1)] = 0.6


class MailServers(Asked):
    """Who runs the mail of a domain, by its MX records. Free; asks the DNS."""

    type: Literal["mx"]
    resolver: Annotated[str, Field(pattern=r"^(system|.+:[0-9]+)$")] = "system"
    """``host:port``, or the name servers of this machine."""
    keep_days: Annotated[int, Field(ge=0, le=3650)] = 7
    keep_miss_days: Annotated[int, Field(ge=0, le=3650)] = 1


def _kind(value: Any) -> str:
    found = value.get("type", "http") if isinstance(value, dict) else getattr(value, "type", "http")
    return "vendor" if found in ("hunter", "abstract", "ipinfo") else str(found)


ProviderSettings = Annotated[
    Annotated[HttpProvider, Tag("http")]
    | Annotated[Vendor, Tag("vendor")]
    | Annotated[Apollo, Tag("apollo")]
    | Annotated[PeopleDataLabs, Tag("people_data_labs")]
    | Annotated[MaxMindFile, Tag("maxmind")]
    | Annotated[MailServers, Tag("mx")],
    Discriminator(
        _kind,
        custom_error_type="provider_type",
        custom_error_message=(
            "type must be http, hunter, people_data_labs, apollo, abstract, ipinfo, maxmind or mx"
        ),
    ),
]


def check_address(url: str, name: str) -> None:
    """:raises ValueError: for what a lead could steer elsewhere, or anybody could read."""
    address = urlsplit(url)
    if "{" in address.netloc or not address.hostname:
        raise ValueError(f"{name}: the host must be fixed")
    if address.scheme != "https" and address.hostname not in _LOOPBACK:
        raise ValueError(f"{name}: must begin with https://")
