"""``delivery.yaml``: where decisions are delivered, and what a rep is told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, PrivateAttr, field_validator, model_validator

from schemas.assignment import AssignmentChanged, AssignmentStatus
from schemas.touch import Audience, TouchDue
from services.delivery.answering import Answering
from services.delivery.planconfig import OutreachSink, SalesloftSink
from services.delivery.sinkconfig import (
    TELLS_A_REP,
    BaseSink,
    HttpSink,
    Rate,
    SecretName,
    Strict,
)
from services.kernel.durations import Duration
from services.runtime.configfile import parse as parse_file

FILE = "delivery.yaml"

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
_ENDS_OR_CHANGES = frozenset(
    {
        AssignmentStatus.ACCEPTED,
        AssignmentStatus.REJECTED,
        AssignmentStatus.EXPIRED,
        AssignmentStatus.CLOSED,
    }
)
_EVERY_STATUS = frozenset(AssignmentStatus)


class SlackSink(HttpSink):
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
    rate: Rate = Rate(calls=5)
    """In the whole workspace: Slack speaks of several hundred messages a minute."""
    per_channel: Rate | None = Rate(calls=1)
    """To one rep or channel, as Slack documents it; a burst to one delays no other."""

    def statuses(self) -> frozenset[AssignmentStatus]:
        # An app changes its message when the attempt is over.
        return TELLS_A_REP | _ENDS_OR_CHANGES if self.token else TELLS_A_REP

    def channel_for(self, event: AssignmentChanged, touch: TouchDue | None) -> str | None:
        """Where an app posts a message; None where nobody is known there."""
        if touch is not None and touch.audience is Audience.TEAM:
            return self.channel
        rep = event.rep
        own = rep.external_ids.get("slack") if rep is not None and self.to == "rep" else None
        return own or self.channel

    @model_validator(mode="after")
    def _one_way(self) -> SlackSink:
        if (self.token is None) is (self.secret is None):
            raise ValueError("a Slack sink has either a token (an app) or a secret (a webhook)")
        if self.token and not self.signing_secret:
            raise ValueError("an app's buttons need its signing_secret")
        if self.token and self.to == "channel" and not self.channel:
            raise ValueError("to: channel needs a channel")
        return self


class EmailSink(BaseSink):
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


class WebhookSink(HttpSink):
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


class CrmSync(Strict):
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


class HubSpotSink(HttpSink):
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
    properties: dict[str, Literal["tier", "reason", "score", "pool", "kind"]] = Field(
        default_factory=dict
    )
    """HubSpot property to a value of ours."""
    rate: Rate = Rate(calls=400)
    """Messages; they go in batches of 100, one call at a time."""
    concurrency: Annotated[int, Field(ge=1, le=200)] = 200

    def statuses(self) -> frozenset[AssignmentStatus]:
        return TELLS_A_REP | {AssignmentStatus.NURTURED}


class SalesforceSink(HttpSink):
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
    SlackSink
    | EmailSink
    | WebhookSink
    | HubSpotSink
    | SalesforceSink
    | OutreachSink
    | SalesloftSink,
    Field(discriminator="type"),
]


class DeliveryFile(Strict):
    """The file."""

    links: dict[Annotated[str, Field(max_length=30)], str] = Field(default_factory=dict)
    """Title to an address; ``{lead_id}``, ``{email}`` and ``{external_id}`` are replaced."""
    sinks: dict[Name, Sink] = Field(default_factory=dict)

    _answering: Answering = PrivateAttr(default_factory=Answering)

    @property
    def answering(self) -> Answering:
        """How soon somebody must answer: of ``response.yaml``."""
        return self._answering


def parse(files: Mapping[str, str]) -> DeliveryFile:
    """What the file says; nothing is delivered anywhere where there is no such file.

    :raises ConfigError: with every fault.
    """
    found = parse_file(DeliveryFile, files[FILE], FILE) if FILE in files else DeliveryFile()
    found._answering = Answering.read(files)
    return found


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
