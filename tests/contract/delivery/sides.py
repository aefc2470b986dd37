"""The other side of each sink: a stand-in, and with credentials in the environment the vendor.

``HANDRAISE_VENDOR_…`` names what a vendor's side needs (docs/crm/README.md lists it). Where any of
it is missing the vendor is left out, and nothing leaves this machine.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import quote

import httpx
import pytest

from services.delivery.config import EmailSink, HubSpotSink, SalesforceSink, SlackSink
from services.delivery.config import Sink as SinkConfig
from services.delivery.crm.reader import Reader
from services.delivery.sinks.base import Sink
from services.delivery.sinks.registry import Registry
from tests.support.crms import Org, Portal, listening
from tests.support.mailserver import PASSWORD, MailServer, mail_server
from tests.support.slack import TOKEN as SLACK_TOKEN
from tests.support.slack import Workspace

PREFIX = "HANDRAISE_VENDOR_"
HERE = ("127.0.0.1/32",)


def given(*names: str) -> dict[str, str] | None:
    """The values of these variables; None where one is missing."""
    found = {name: os.environ.get(PREFIX + name, "") for name in names}
    return found if all(found.values()) else None


@dataclass(frozen=True)
class Side:
    """A sink with what is behind it."""

    config: SinkConfig
    secrets: Mapping[str, list[bytes]]
    records: Records | None = None
    """Of a CRM."""

    def registry(self) -> Registry:
        return Registry(self.secrets, lambda: datetime.now(UTC))

    def wrong(self, registry_secret: str = "wrong") -> Registry:
        """Everything as it is, but for the keys."""
        secrets = {name: [registry_secret.encode()] for name in self.secrets}
        return Registry(secrets, lambda: datetime.now(UTC))


class Records(Protocol):
    """What a person sees and does in a CRM."""

    owners: tuple[str, str]

    async def owner_of(self, email: str) -> str | None: ...
    async def give(self, email: str, owner: str) -> None: ...
    async def forget(self, email: str) -> None: ...


Open = Callable[[], AbstractAsyncContextManager[Side]]


# -- stand-ins --------------------------------------------------------------------------------
class _Portal:
    owners = ("711", "712")

    def __init__(self, portal: Portal) -> None:
        self._portal = portal

    async def owner_of(self, email: str) -> str | None:
        return self._portal.contacts.get(email, {}).get("hubspot_owner_id")

    async def give(self, email: str, owner: str) -> None:
        self._portal.give(email, owner, user="55")

    async def forget(self, email: str) -> None:
        self._portal.contacts.pop(email, None)


class _Org:
    owners = ("005A", "005B")

    def __init__(self, org: Org) -> None:
        self._org = org

    async def owner_of(self, email: str) -> str | None:
        leads = self._org.leads.values()
        return next((one["OwnerId"] for one in leads if one["Email"] == email), None)

    async def give(self, email: str, owner: str) -> None:
        self._org.give(email, owner, "005Z")

    async def forget(self, email: str) -> None:
        self._org.leads = {k: v for k, v in self._org.leads.items() if v["Email"] != email}


@asynccontextmanager
async def hubspot_stand_in() -> AsyncIterator[Side]:
    portal = Portal(now=datetime.now(UTC), refuses={"not-an-address"})
    for owner in _Portal.owners:
        portal.owner(owner, f"o{owner}@handraise.example")
    async with listening(portal):
        config = HubSpotSink(type="hubspot", token="KEY", base_url=portal.url, allow_networks=HERE)
        yield Side(config, {"KEY": [b"pat-token"]}, _Portal(portal))


@asynccontextmanager
async def salesforce_stand_in() -> AsyncIterator[Side]:
    org = Org(now=datetime.now(UTC), invalid={"not-an-address"})
    for owner in _Org.owners:
        org.user(owner, f"{owner}@handraise.example")
    async with listening(org):
        config = SalesforceSink(
            type="salesforce", instance_url=org.url, client_id="app", client_secret="KEY",
            allow_networks=HERE,
        )  # fmt: skip
        yield Side(config, {"KEY": [b"client-secret"]}, _Org(org))


@asynccontextmanager
async def slack_stand_in() -> AsyncIterator[Side]:
    workspace = Workspace(channels={"C0LEADS"})
    async with workspace.listening() as url:
        config = SlackSink(
            type="slack", token="KEY", signing_secret="SIGNING", channel="C0LEADS", to="channel",
            base_url=f"{url}/api", allow_networks=HERE,
        )  # fmt: skip
        yield Side(config, {"KEY": [SLACK_TOKEN.encode()]})


@asynccontextmanager
async def smtp_stand_in() -> AsyncIterator[Side]:
    server: MailServer
    async with mail_server() as server:
        config = EmailSink(
            type="email", host="127.0.0.1", port=server.port, security="none",
            username="handraise", secret="KEY", sender="Handraise <leads@handraise.example>",
        )  # fmt: skip
        yield Side(config, {"KEY": [PASSWORD.encode()]})


# -- vendors ----------------------------------------------------------------------------------
class _HubSpot:
    def __init__(self, client: httpx.AsyncClient, owners: tuple[str, str]) -> None:
        self._client = client
        self.owners = owners

    async def owner_of(self, email: str) -> str | None:
        asked = {"idProperty": "email", "properties": "hubspot_owner_id"}
        found = await self._client.get(_contact(email), params=asked)
        if found.status_code == 404:
            return None
        owner: str | None = found.raise_for_status().json()["properties"]["hubspot_owner_id"]
        return owner

    async def give(self, email: str, owner: str) -> None:
        body = {"properties": {"hubspot_owner_id": owner}}
        asked = {"idProperty": "email"}
        (await self._client.patch(_contact(email), params=asked, json=body)).raise_for_status()

    async def forget(self, email: str) -> None:
        found = await self._client.get(_contact(email), params={"idProperty": "email"})
        if found.status_code == 200:
            await self._client.delete(_contact(str(found.json()["id"])))


def _contact(named: str) -> str:
    return f"/crm/v3/objects/contacts/{quote(named, safe='')}"


@asynccontextmanager
async def hubspot_vendor() -> AsyncIterator[Side]:
    values = given("HUBSPOT_TOKEN", "HUBSPOT_OWNERS")
    assert values is not None
    token = values["HUBSPOT_TOKEN"]
    headers = {"authorization": f"Bearer {token}"}
    url = "https://api.hubapi.com"
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=30) as client:
        config = HubSpotSink(type="hubspot", token="KEY")
        records = _HubSpot(client, _two(values["HUBSPOT_OWNERS"]))
        yield Side(config, {"KEY": [token.encode()]}, records)


class _Salesforce:
    def __init__(self, client: httpx.AsyncClient, owners: tuple[str, str]) -> None:
        self._client = client
        self.owners = owners

    async def owner_of(self, email: str) -> str | None:
        found = await self._leads(email)
        return str(found[0]["OwnerId"]) if found else None

    async def give(self, email: str, owner: str) -> None:
        for one in await self._leads(email):
            path = f"/sobjects/Lead/{one['Id']}"
            (await self._client.patch(path, json={"OwnerId": owner})).raise_for_status()

    async def forget(self, email: str) -> None:
        for one in await self._leads(email):
            await self._client.delete(f"/sobjects/Lead/{one['Id']}")

    async def _leads(self, email: str) -> list[dict[str, Any]]:
        soql = f"SELECT Id, OwnerId FROM Lead WHERE Email = '{email}'"
        found = (await self._client.get("/query", params={"q": soql})).raise_for_status()
        records: list[dict[str, Any]] = found.json()["records"]
        return records


@asynccontextmanager
async def salesforce_vendor() -> AsyncIterator[Side]:
    values = given(
        "SALESFORCE_URL", "SALESFORCE_CLIENT_ID", "SALESFORCE_CLIENT_SECRET", "SALESFORCE_OWNERS"
    )
    assert values is not None
    config = SalesforceSink(
        type="salesforce", instance_url=values["SALESFORCE_URL"],
        client_id=values["SALESFORCE_CLIENT_ID"], client_secret="KEY",
    )  # fmt: skip
    secret = values["SALESFORCE_CLIENT_SECRET"]
    form = {
        "grant_type": "client_credentials", "client_id": config.client_id, "client_secret": secret
    }  # fmt: skip
    async with httpx.AsyncClient(timeout=30) as client:
        login = f"{config.instance_url}/services/oauth2/token"
        token = (await client.post(login, data=form)).raise_for_status().json()["access_token"]
        client.headers["authorization"] = f"Bearer {token}"
        client.base_url = httpx.URL(f"{config.instance_url}/services/data/{config.api_version}")
        records = _Salesforce(client, _two(values["SALESFORCE_OWNERS"]))
        yield Side(config, {"KEY": [secret.encode()]}, records)


@asynccontextmanager
async def slack_vendor() -> AsyncIterator[Side]:
    values = given("SLACK_TOKEN", "SLACK_CHANNEL")
    assert values is not None
    config = SlackSink(
        type="slack", token="KEY", signing_secret="SIGNING", channel=values["SLACK_CHANNEL"],
        to="channel",
    )  # fmt: skip
    yield Side(config, {"KEY": [values["SLACK_TOKEN"].encode()]})


@asynccontextmanager
async def smtp_vendor() -> AsyncIterator[Side]:
    values = given("SMTP_HOST", "SMTP_USER", "SMTP_PASSWORD", "SMTP_SENDER", "SMTP_TO")
    assert values is not None
    port = int(os.environ.get(f"{PREFIX}SMTP_PORT", "587"))
    config = EmailSink(
        type="email", host=values["SMTP_HOST"], port=port,
        username=values["SMTP_USER"], secret="KEY", sender=values["SMTP_SENDER"],
    )  # fmt: skip
    yield Side(config, {"KEY": [values["SMTP_PASSWORD"].encode()]})


def _two(text: str) -> tuple[str, str]:
    first, second = (one.strip() for one in text.split(","))
    return first, second


def sides(stand_in: Open, vendor: Open, *names: str) -> list[Any]:
    """The parameters of a fixture: the stand-in always, the vendor where it can be had."""
    missing = [PREFIX + name for name in names if not os.environ.get(PREFIX + name)]
    why = f"not set: {', '.join(missing)}"
    marks = [
        pytest.mark.vendor,
        pytest.mark.timeout(600),
        pytest.mark.skipif(bool(missing), reason=why),
    ]
    return [
        pytest.param(stand_in, id=stand_in.__name__),
        pytest.param(vendor, id=vendor.__name__, marks=marks),
    ]


def sink_of(side: Side, registry: Registry) -> Sink:
    return registry.build(side.config)


def reader_of(side: Side, registry: Registry) -> Reader:
    assert isinstance(side.config, HubSpotSink | SalesforceSink)
    return registry.reader(side.config)


@asynccontextmanager
async def closing(registry: Registry) -> AsyncIterator[Registry]:
    try:
        yield registry
    finally:
        with suppress(Exception):
            await registry.close()
