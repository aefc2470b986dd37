"""The other side of sales tools that run plans, and of a webhook: stand-ins, and with credentials
in the environment the vendor, or an endpoint of one's own that checks signatures."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI, Request, Response

from services.delivery.config import WebhookSink
from services.delivery.logins import Grant, Refresh
from services.delivery.planconfig import OutreachSink, SalesloftSink
from services.delivery.sinks.registry import Registry
from services.delivery.sinks.webhook import key, signed
from services.runtime.server import serve
from tests.contract.delivery.sequencers import Organisation, Team, listening
from tests.contract.delivery.sides import HERE, Side, given

SECRET = b"whsec_dGhlIHNlY3JldCBvZiBhIHRlc3Q="
OUTREACH = (
    "OUTREACH_CLIENT_ID", "OUTREACH_CLIENT_SECRET", "OUTREACH_REFRESH_TOKEN",
    "OUTREACH_REDIRECT_URI", "OUTREACH_SEQUENCE", "OUTREACH_USER", "OUTREACH_MAILBOX",
)  # fmt: skip
SALESLOFT = ("SALESLOFT_KEY", "SALESLOFT_CADENCE", "SALESLOFT_USER")
WEBHOOK = ("WEBHOOK_URL", "WEBHOOK_SECRET")
PLAN = "handraise-test"


class Remembered:
    """A login kept for the length of a test run: a vendor takes each refresh token once."""

    grants: dict[str, Grant] = {}

    async def access_token(self, given: str, refresh: Refresh, refused: str | None = None) -> str:
        grant = self.grants.get(given)
        if grant is None or grant.access_token == refused:
            grant = await refresh(given if grant is None else grant.refresh_token)
            self.grants[given] = grant
        return grant.access_token


class PlanSide(Side):
    """A tool with the ids of a rep there."""

    def registry(self) -> Registry:
        return Registry(self.secrets, _now, Remembered())

    def wrong(self, registry_secret: str = "wrong") -> Registry:
        secrets = {name: [registry_secret.encode()] for name in self.secrets}
        return Registry(secrets, _now, Remembered())


def rep_ids() -> dict[str, str]:
    """What a rep is called there: as the environment says, else as the stand-ins take it."""
    outreach, salesloft = given(*OUTREACH), given(*SALESLOFT)
    return {
        "outreach": outreach["OUTREACH_USER"] if outreach else "31",
        "outreach_mailbox": outreach["OUTREACH_MAILBOX"] if outreach else "41",
        "salesloft": salesloft["SALESLOFT_USER"] if salesloft else "51",
    }


# -- stand-ins --------------------------------------------------------------------------------
@asynccontextmanager
async def outreach_stand_in() -> AsyncIterator[Side]:
    Remembered.grants.clear()
    async with listening(Organisation()) as one:
        config = OutreachSink(
            type="outreach", base_url=one.url, client_id="app", client_secret="CLIENT",
            token="FIRST", redirect_uri="https://me.example/oauth", sequences={PLAN: 7},
            allow_networks=HERE,
        )  # fmt: skip
        yield PlanSide(config, {"CLIENT": [b"client-secret"], "FIRST": [b"refresh-0"]})


@asynccontextmanager
async def salesloft_stand_in() -> AsyncIterator[Side]:
    async with listening(Team()) as one:
        config = SalesloftSink(
            type="salesloft", base_url=one.url, token="KEY", sequences={PLAN: 7},
            allow_networks=HERE,
        )  # fmt: skip
        yield PlanSide(config, {"KEY": [b"ak_key"]})


@asynccontextmanager
async def webhook_stand_in() -> AsyncIterator[Side]:
    """An endpoint that takes what is signed as Standard Webhooks wants it, and nothing else."""
    app = FastAPI()

    @app.post("/in")
    async def take(request: Request) -> Response:
        body, headers = await request.body(), request.headers
        at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
        expected = signed(headers["webhook-id"], at, body, [key(SECRET)])["webhook-signature"]
        good = expected in headers["webhook-signature"].split() and json.loads(body)["type"]
        return Response(status_code=204 if good else 401)

    server = await serve(app, "127.0.0.1", 0)
    try:
        config = WebhookSink(
            type="webhook", url=f"{server.url}/in", secret="KEY", allow_networks=HERE
        )
        yield Side(config, {"KEY": [SECRET]})
    finally:
        await server.stop(0.5)


# -- vendors ----------------------------------------------------------------------------------
@asynccontextmanager
async def outreach_vendor() -> AsyncIterator[Side]:
    values = _values(*OUTREACH)
    config = OutreachSink(
        type="outreach", client_id=values["OUTREACH_CLIENT_ID"], client_secret="CLIENT",
        token="FIRST", redirect_uri=values["OUTREACH_REDIRECT_URI"],
        sequences={PLAN: int(values["OUTREACH_SEQUENCE"])},
    )  # fmt: skip
    secrets = {"CLIENT": "OUTREACH_CLIENT_SECRET", "FIRST": "OUTREACH_REFRESH_TOKEN"}
    yield PlanSide(config, {name: [values[one].encode()] for name, one in secrets.items()})


@asynccontextmanager
async def salesloft_vendor() -> AsyncIterator[Side]:
    values = _values(*SALESLOFT)
    sequences = {PLAN: int(values["SALESLOFT_CADENCE"])}
    config = SalesloftSink(type="salesloft", token="KEY", sequences=sequences)
    yield PlanSide(config, {"KEY": [values["SALESLOFT_KEY"].encode()]})


@asynccontextmanager
async def webhook_vendor() -> AsyncIterator[Side]:
    values = _values(*WEBHOOK)
    config = WebhookSink(type="webhook", url=values["WEBHOOK_URL"], secret="KEY")
    yield Side(config, {"KEY": [values["WEBHOOK_SECRET"].encode()]})


def _values(*names: str) -> dict[str, Any]:
    values = given(*names)
    assert values is not None  # else the test was left out
    return values


def _now() -> datetime:
    return datetime.now(UTC)
