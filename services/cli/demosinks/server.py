"""The stand-ins in one process: HTTP for Slack, the CRMs, webhooks and the page, SMTP for mail."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from aiosmtpd.smtp import SMTP
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from jinja2 import Environment, StrictUndefined

from services.cli import configfiles
from services.cli.demosinks import crm, mail, settings, slack
from services.cli.demosinks.crm import HUBSPOT, SALESFORCE, Shown, ShownOrg, ShownPortal
from services.cli.demosinks.inbox import Inbox, Received
from services.runtime.process import wait_for_eof
from services.runtime.server import serve
from services.runtime.settings import secrets

_PAGE = Environment(autoescape=True, undefined=StrictUndefined).from_string(
    """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Demo sinks</title>
<meta http-equiv="refresh" content="3"><style>
body{font-family:sans-serif;max-width:60em;margin:1em auto;color:#222}
article{border:1px solid #ccc;border-radius:6px;padding:.5em 1em;margin:.7em 0}
pre{white-space:pre-wrap;font-family:inherit}small{color:#666}form{display:inline}
</style></head><body><h1>What was delivered</h1>
{% for one in messages %}<article><small>{{ one.sink }} · {{ one.at.strftime("%H:%M:%S") }} UTC
{% if one.to %}· to {{ one.to }}{% endif %}
{% if one.changes %}· changed {{ one.changes }}×{% endif %}
</small><h3>{{ one.title }}</h3><pre>{{ one.text }}</pre>
{% if one.token %}{% for action, title in actions %}<form method="post" action="/slack/press">
<input type="hidden" name="token" value="{{ one.token }}">
<button name="action" value="{{ action }}">{{ title }}</button></form>
{% endfor %}{% endif %}{% if one.sink in owners %}<form method="post" action="/{{ one.sink }}/give">
<input type="hidden" name="email" value="{{ one.id }}"><select name="owner">
{% for id, email in owners[one.sink].items() %}<option value="{{ id }}">{{ email }}</option>
{% endfor %}</select><button>Give to</button></form>{% endif %}</article>
{% else %}<p>Nothing yet.</p>{% endfor %}</body></html>
"""
)
_ACTIONS = (("handraise_accept", "Accept"), ("handraise_pass", "Pass"))


def application(
    inbox: Inbox,
    token: str,
    signing: bytes,
    delivery: str,
    now: Callable[[], datetime],
    portal: ShownPortal,
    org: ShownOrg,
) -> FastAPI:
    """The stand-ins that speak HTTP."""
    app = FastAPI(title="Demo sinks", openapi_url=None)
    app.include_router(slack.router(inbox, token, signing, delivery, now))
    crms: dict[str, Shown] = {HUBSPOT: portal, SALESFORCE: org}
    app.include_router(crm.router(crms))
    app.mount(f"/{HUBSPOT}", portal.application())
    app.mount(f"/{SALESFORCE}", org.application())

    @app.get("/ready")
    @app.get("/live")
    async def ready() -> JSONResponse:
        return JSONResponse({"status": "ready"})

    @app.get("/", response_class=HTMLResponse)
    async def page() -> Response:
        owners = {name: one.owners_shown() for name, one in crms.items()}
        return HTMLResponse(_PAGE.render(messages=inbox.messages, actions=_ACTIONS, owners=owners))

    @app.get("/messages")
    async def messages(sink: str | None = None) -> list[Received]:
        return [one for one in inbox.messages if sink in (None, one.sink)]

    @app.post("/hook")
    async def hook(request: Request) -> Response:
        body = await request.json()
        id_ = request.headers.get("webhook-id", "")
        text = str(body["data"].get("reason", ""))
        inbox.add(Received("webhook", now(), str(body["type"]), text, id_, raw=body))
        return Response(status_code=204)

    return app


def run(
    port: Annotated[int, typer.Option(min=1, max=65535)],
    smtp_port: Annotated[int, typer.Option(min=1, max=65535)],
    delivery: Annotated[str, typer.Option(help="Address of the delivery service.")],
    config: Annotated[
        Path | None, typer.Option(help="Configuration folder (HANDRAISE_CONFIG).")
    ] = None,
) -> None:
    """Stand-ins of Slack, mail, HubSpot, Salesforce, a webhook. Started by `up --demo-sinks`."""
    asyncio.run(_run(port, smtp_port, delivery, configfiles.folder(config)))


async def _run(port: int, smtp_port: int, delivery: str, config: Path) -> None:
    known = secrets()
    inbox = Inbox()
    token, [signing, *_] = known.get(settings.BOT)[0].decode(), known.get(settings.SIGNING)
    reps = settings.reps(configfiles.load(config))
    portal = crm.portal(inbox, known.get(settings.HUBSPOT)[0].decode(), reps, _now)
    org = crm.org(inbox, known.get(settings.SALESFORCE)[0].decode(), reps, _now)
    app = application(inbox, token, signing, delivery, _now, portal, org)
    loop, stopping = asyncio.get_running_loop(), asyncio.Event()
    threading.Thread(target=wait_for_eof, args=(loop, stopping.set), daemon=True).start()
    keeper = mail.Keeper(inbox, _now)
    smtp = await loop.create_server(lambda: SMTP(keeper, loop=loop), "127.0.0.1", smtp_port)
    server = await serve(app, "127.0.0.1", port)
    await stopping.wait()
    smtp.close()
    await server.stop(1.0)


def _now() -> datetime:
    return datetime.now(UTC)
