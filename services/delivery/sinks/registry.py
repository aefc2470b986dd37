"""From the configuration of a sink to the sink."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

import httpx

from services.delivery.config import (
    EmailSink,
    HubSpotSink,
    SalesforceSink,
    SlackSink,
    WebhookSink,
)
from services.delivery.config import Sink as SinkConfig
from services.delivery.crm.hubspot import HubSpotReader
from services.delivery.crm.reader import Reader
from services.delivery.crm.salesforce import SalesforceReader
from services.delivery.logins import Logins
from services.delivery.planconfig import OutreachSink, PlanSink, SalesloftSink
from services.delivery.sinks.base import Sink
from services.delivery.sinks.email import Email
from services.delivery.sinks.hubspot import HubSpot
from services.delivery.sinks.hubspot_api import HubSpotApi
from services.delivery.sinks.outreach import Outreach
from services.delivery.sinks.salesforce import Salesforce
from services.delivery.sinks.salesforce_session import Session
from services.delivery.sinks.salesloft import Salesloft
from services.delivery.sinks.slack import SlackApp, SlackWebhook
from services.delivery.sinks.webhook import Webhook
from services.runtime.outside import WHOLE_BYTES, ByName, Outside

_LONGEST_S = 60.0
"""Each sink ends its own requests earlier."""


class Unconfigured(Exception):
    """A secret of the sink is not set; the message names it."""


class Registry:
    """Builds sinks; all of them share one pool of connections."""

    def __init__(
        self,
        secrets: Mapping[str, list[bytes]],
        now: Callable[[], datetime],
        logins: Logins | None = None,
    ) -> None:
        """:param logins: None where no sink is built whose tokens change."""
        self._secrets = secrets
        self._now = now
        self._logins = logins
        self._client = httpx.AsyncClient(transport=ByName(), trust_env=False, timeout=_LONGEST_S)

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    def build(self, config: SinkConfig) -> Sink:
        """The sink of a configuration.

        :raises Unconfigured: names the secret that is not set.
        """
        match config:
            case EmailSink():
                password = self._text(config.secret) if config.secret else None
                return Email(config, password)
            case SlackSink(token=str(token)):
                return SlackApp(config, self._text(token), self.outside(config))
            case SlackSink():
                assert config.secret is not None  # the configuration says so
                return SlackWebhook(self._text(config.secret), self.outside(config))
            case WebhookSink():
                secrets = self._live(config.secret)
                return Webhook(config.url, secrets, self.outside(config), self._now)
            case HubSpotSink():
                return HubSpot(config, self._hubspot(config))
            case SalesforceSink():
                return Salesforce(config, self._salesforce(config))
            case SalesloftSink():
                return Salesloft(config, self._text(config.token), self.outside(config))
            case OutreachSink():
                assert self._logins is not None
                given = self._text(config.client_secret), self._text(config.token)
                return Outreach(config, given, self.outside(config), self._logins, self._now)

    def reader(self, config: HubSpotSink | SalesforceSink) -> Reader:
        """What reads the CRM of a configuration.

        :raises Unconfigured: names the secret that is not set.
        """
        if isinstance(config, HubSpotSink):
            return HubSpotReader(self._hubspot(config))
        return SalesforceReader(self._salesforce(config))

    def _hubspot(self, config: HubSpotSink) -> HubSpotApi:
        return HubSpotApi(config.base_url, self._text(config.token), self._data(config))

    def _salesforce(self, config: SalesforceSink) -> Session:
        return Session(config, self._text(config.client_secret), self._data(config))

    def _data(self, config: HubSpotSink | SalesforceSink) -> Outside:
        """A client whose answers are data: half an answer would be a wrong one."""
        seconds = config.timeout_ms / 1000
        return Outside(self._client, config.allow_networks, seconds, WHOLE_BYTES)

    def outside(
        self, config: SlackSink | WebhookSink | HubSpotSink | SalesforceSink | PlanSink
    ) -> Outside:
        """The client of a sink."""
        return Outside(self._client, config.allow_networks, config.timeout_ms / 1000)

    def _text(self, name: str) -> str:
        return self._live(name)[0].decode()

    def _live(self, name: str) -> list[bytes]:
        found = self._secrets.get(name)
        if not found:
            raise Unconfigured(f"HANDRAISE_SECRET_{name} is not set")
        return found
