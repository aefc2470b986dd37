"""``delivery.yaml``: where decisions are delivered, and what a rep is told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from ipaddress import ip_network
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from schemas.assignment import AssignmentStatus
from schemas.base import Lane, Motion, RoleName, TierName
from services.kernel.durations import Duration
from services.runtime.configfile import parse as parse_file

FILE = "delivery.yaml"

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
SecretName = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]
"""``HANDRAISE_SECRET_<name>`` holds the value."""

TELLS_A_REP = frozenset(
    {
        AssignmentStatus.ASSIGNED,
        AssignmentStatus.REASSIGNED,
        AssignmentStatus.ESCALATED,
        AssignmentStatus.RE_ENGAGED,
    }
)
"""The changes after which a rep has something to do."""
_ENDS_OR_CHANGES = frozenset(
    {
        AssignmentStatus.ACCEPTED,
        AssignmentStatus.REJECTED,
        AssignmentStatus.EXPIRED,
        AssignmentStatus.CLOSED,
    }
)
_EVERY_STATUS = frozenset(AssignmentStatus)


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Only(_Strict):
    """Which changes a sink is told of; what is not said restricts nothing."""

    statuses: frozenset[AssignmentStatus] | None = None
    tiers: frozenset[TierName] | None = None
    pools: frozenset[str] | None = None
    roles: frozenset[RoleName] | None = None
    motions: frozenset[Motion] | None = None
    lanes: frozenset[Lane] | None = None


class Rate(_Strict):
    """At most ``calls`` in ``seconds``, per process."""

    calls: Annotated[int, Field(ge=1, le=10_000)]
    seconds: Annotated[float, Field(gt=0, le=3600)] = 1.0


class Breaker(_Strict):
    """After ``failures`` in a row the sink is left alone for ``seconds``."""

    failures: Annotated[int, Field(ge=1, le=1000)] = 5
    seconds: Annotated[float, Field(gt=0, le=3600)] = 30.0


class _Sink(_Strict):
    enabled: bool = True
    only: Only = Only()
    timeout_ms: Annotated[int, Field(ge=50, le=60_000)] = 10_000
    rate: Rate = Rate(calls=20)
    breaker: Breaker = Breaker()
    concurrency: Annotated[int, Field(ge=1, le=200)] = 8
    """Messages on their way at one time; those of one lead never overtake each other."""
    give_up_after: Duration = timedelta(hours=24)
    """A message older than this becomes a dead letter of the sink."""

    def statuses(self) -> frozenset[AssignmentStatus]:
        """What this kind of sink is told of unless ``only.statuses`` says otherwise."""
        return TELLS_A_REP

    def secrets(self) -> Iterator[tuple[str, str]]:
        """Field and name of each secret."""
        for name in ("secret", "token", "signing_secret", "client_secret"):
            value = getattr(self, name, None)
            if value is not None:
                yield name, value


class _Http(_Sink):
    allow_networks: tuple[str, ...] = ()
    """Private networks that this sink may reach all the same, e.g. ``127.0.0.1/32``."""

    @field_validator("allow_networks")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            ip_network(text)
        return value


class SlackSink(_Http):
    """A Slack app (``token``: buttons, updated messages), or an incoming webhook (``secret``)."""

    type: Literal["slack"]
    token: SecretName | None = None
    """The bot token of an app with ``chat:write`` and interactivity."""
    secret: SecretName | None = None
    """The address of an incoming webhook."""
    signing_secret: SecretName | None = None
    """Of the app: proves what comes from its buttons."""
    channel: str | None = None
    """Where messages go whose rep has no Slack id; with ``to: channel`` all of them."""
    to: Literal["rep", "channel"] = "rep"
    base_url: str = "https://slack.com/api"
    rate: Rate = Rate(calls=1)

    def statuses(self) -> frozenset[AssignmentStatus]:
        # An app changes its message when the attempt is over.
        return TELLS_A_REP | _ENDS_OR_CHANGES if self.token else TELLS_A_REP

    @model_validator(mode="after")
    def _one_way(self) -> SlackSink:
        if (self.token is None) is (self.secret is None):
            raise ValueError("a Slack sink has either a token (an app) or a secret (a webhook)")
        if self.token and not self.signing_secret:
            raise ValueError("an app's buttons need its signing_secret")
        if self.token and self.to == "channel" and not self.channel:
            raise ValueError("to: channel needs a channel")
        return self


class EmailSink(_Sink):
    """Mail to the rep by SMTP."""

    type: Literal["email"]
    host: str
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str | None = None
    secret: SecretName | None = None
    """The password."""
    sender: str
    copy_to: tuple[str, ...] = ()


class WebhookSink(_Http):
    """Any HTTP endpoint, signed by the rules of Standard Webhooks."""

    type: Literal["webhook"]
    url: str
    secret: SecretName
    timeout_ms: Annotated[int, Field(ge=50, le=60_000)] = 20_000
    give_up_after: Duration = timedelta(hours=80)

    def statuses(self) -> frozenset[AssignmentStatus]:
        return _EVERY_STATUS

    @model_validator(mode="after")
    def _address(self) -> WebhookSink:
        parts = urlsplit(self.url)
        if parts.scheme != "https" and not (parts.scheme == "http" and self.allow_networks):
            raise ValueError("url must be https (http only together with allow_networks)")
        if not parts.hostname or parts.username:
            raise ValueError("url needs a host, and no user")
        return self


class CrmSync(_Strict):
    """What is read from a CRM, beside what is written there."""

    every: Duration = timedelta(minutes=1)
    """How long after a reading the next begins; owners and companies are read at this pace, too."""
    accounts: bool = True
    """Companies and their owners, into the router's accounts table."""
    changes: bool = True
    """Whoever gives a lead another owner there asks the router for it."""

    @field_validator("every")
    @classmethod
    def _not_all_the_time(cls, value: timedelta) -> timedelta:
        if not timedelta(seconds=5) <= value <= timedelta(days=1):
            raise ValueError("must be between 5s and 1d")
        return value


class HubSpotSink(_Http):
    """Contact and owner, by compare-and-set; leads that nobody works now go onto a list."""

    type: Literal["hubspot"]
    token: SecretName
    """Of a private app with contacts and lists, read and write."""
    base_url: str = "https://api.hubapi.com"
    owner_ids: str = "hubspot"
    """Name of the reps' external ids that are HubSpot owner ids; a rep who has none is found there
    by address."""
    sync: CrmSync | None = None
    nurture_list: str | None = None
    """Id of a static list."""
    properties: dict[str, Literal["tier", "reason", "score", "pool", "kind"]] = {}
    """HubSpot property to a value of ours."""
    rate: Rate = Rate(calls=400)
    """Messages; they go in batches of 100, one call at a time."""
    concurrency: Annotated[int, Field(ge=1, le=200)] = 200

    def statuses(self) -> frozenset[AssignmentStatus]:
        return TELLS_A_REP | {AssignmentStatus.NURTURED}


class SalesforceSink(_Http):
    """Lead and owner, by compare-and-set."""

    type: Literal["salesforce"]
    instance_url: str
    client_id: str
    client_secret: SecretName
    """OAuth client credentials of a connected app."""
    api_version: Annotated[str, Field(pattern=r"^v\d+\.0$")] = "v62.0"
    owner_ids: str = "salesforce"
    """Name of the reps' external ids that are Salesforce user ids; a rep who has none is found
    there by address."""
    sync: CrmSync | None = None
    rate: Rate = Rate(calls=400)
    """Messages; they go in batches of 200, one call at a time."""
    concurrency: Annotated[int, Field(ge=1, le=200)] = 200


Sink = Annotated[
    SlackSink | EmailSink | WebhookSink | HubSpotSink | SalesforceSink,
    Field(discriminator="type"),
]


class DeliveryFile(_Strict):
    """The file."""

    links: dict[Annotated[str, Field(max_length=30)], str] = {}
    """Title to an address; ``{lead_id}``, ``{email}`` and ``{external_id}`` are replaced."""
    sinks: dict[Name, Sink] = {}


def parse(files: Mapping[str, str]) -> DeliveryFile:
    """What the file says; nothing is delivered anywhere where there is no such file.

    :raises ConfigError: with every fault.
    """
    if FILE not in files:
        return DeliveryFile()
    return parse_file(DeliveryFile, files[FILE], FILE)


def missing_secrets(
    config: DeliveryFile, known: frozenset[str]
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Path and message for each secret of an enabled sink that is not set."""
    for name, sink in config.sinks.items():
        if not sink.enabled:
            continue
        for field, secret in sink.secrets():
            if secret not in known:
                yield ("sinks", name, field), f"HANDRAISE_SECRET_{secret} is not set"
