"""``handraise.js`` in a real browser, from pages of another origin, against a running capture."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from shutil import copytree
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.runtime import apikeys
from services.runtime.http import serve
from tests.integration.capture.deciding import decided
from tests.integration.capture.running import Capture, capture
from tests.support.browser import needed, visiting
from tests.support.kafka import Broker
from tests.support.waiting import eventually

FORM = """
<form id=contact data-handraise=demo_request data-form-id=demo>
  <input name=email value=dana@northwind.example><input name=first_name value=Dana>
  <input name=team_size value=40><input type=checkbox name=tools value=crm checked>
  <input type=checkbox name=tools value=mail checked><input name=phone value="  ">
  <input type=file name=cv><button>Send</button>
</form>
<p data-handraise-answer data-book="Pick a time"></p>
"""
REPORT = """
const report = (...told) => fetch('/report', {method: 'POST', body: JSON.stringify(told)})
for (const name of ['accepted', 'answer', 'refused', 'waiting'])
  addEventListener('handraise:' + name, event => report(name, event.detail))
addEventListener('handraise:answer', () => setTimeout(() =>
  report('shown', document.querySelector('[data-handraise-answer]').innerHTML)))
"""
SUBMIT = "addEventListener('load', () => document.forms[0].requestSubmit())"


class Site:
    """A website on a socket of its own, and what its pages reported."""

    def __init__(self) -> None:
        self.pages: dict[str, str] = {}
        self.url = ""
        self._reports: list[tuple[str, Any]] = []

    def page(self, path: str, body: str, *scripts: str) -> None:
        code = "".join(f"<script>{script}</script>" for script in scripts)
        self.pages[path] = f"<!doctype html><meta charset=utf-8><body>{body}{code}"

    async def reported(self, name: str) -> Any:
        """What a page reported under a name; waits for it."""
        found: list[Any] = await eventually(
            lambda: [detail for told, detail in self._reports if told == name],
            timeout=60,
            what=f"a page reports {name}",
        )
        return found[0]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "POST":
            body, more = b"", True
            while more:
                message = await receive()
                body, more = body + message.get("body", b""), message.get("more_body", False)
            name, detail = json.loads(body)
            self._reports.append((name, detail))
        page = self.pages.get(scope["path"], "").encode()
        headers = [(b"content-type", b"text/html; charset=utf-8")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": page})


class Lossy:
    """Capture behind a line that loses the first answers to leads, after capture gave them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.lose = 0
        self.keys: list[tuple[str, bytes]] = []
        """Idempotency key and body of each lead that came, lost answer or not."""
        self.origins: set[str] = set()
        """Whose pages asked whether they may."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        lead = (scope["method"], scope["path"]) == ("POST", "/v1/leads")
        body = bytearray()
        if scope["method"] == "OPTIONS":
            self.origins.add(dict(scope["headers"])[b"origin"].decode())

        async def hear() -> Message:
            message = await receive()
            body.extend(message.get("body", b""))
            return message

        async def swallow(message: Message) -> None:
            pass

        lost = lead and self.lose > 0
        self.lose -= lost
        # Without an answer the server sends one that the page may not read: to a script it is lost.
        await self._app(scope, hear, swallow if lost else send)
        if lead:
            name = dict(scope["headers"]).get(b"idempotency-key", b"").decode()
            self.keys.append((name, bytes(body)))


@asynccontextmanager
async def website(
    dsn: str, broker: Broker, folder: Path
) -> AsyncIterator[tuple[Site, Lossy, Capture, str]]:
    """A site, a capture that takes leads from its pages, and the tag that loads the script."""
    needed()
    site = Site()
    pages = await serve(site)
    copytree("deploy/config", folder, dirs_exist_ok=True)
    with (folder / "sources.yaml").open("a") as file:
        file.write(
            "\n  web_forms:\n    adapter: api\n    kind: contact_sales\n"
            f"    browser: {{origins: ['{pages.url}'], assigned: '{{first_name}} calls.'}}\n"
        )
    site.url = pages.url
    async with capture(dsn, broker.settings, config=folder) as it:
        async with it.ctx.control.acquire() as connection:
            scopes = {apikeys.Scope.LEADS_WRITE}
            key = await apikeys.create(
                connection, "page", scopes, actor="test", source="web_forms", publishable=True
            )
        await it.ctx.keys.refresh(it.ctx.control)
        lossy = Lossy(it.ctx.app)
        doors = await serve(lossy)
        try:
            tag = f"<script src='{doors.url}/handraise.js' data-key='{key}' async></script>"
            yield site, lossy, it, tag
        finally:
            await doors.stop()
            await pages.stop()


async def lead_of(it: Capture) -> dict[str, Any]:
    """The body of the one submission that was made."""
    rows = await it.rows("select * from capture.touches")
    assert len(rows) == 1
    return rows[0]


async def test_a_form_is_posted_with_what_brought_the_visitor_and_says_who_will_call(
    postgres_dsn: str, mock_kafka: Broker, tmp_path: Path
) -> None:
    async with website(postgres_dsn, mock_kafka, tmp_path) as (site, lossy, it, tag):
        onward = "addEventListener('load', () => setTimeout(() => location.href = '/form', 300))"
        site.page("/", tag, onward)
        site.page("/form", FORM + tag, REPORT, SUBMIT)
        with visiting(f"{site.url}/?utm_source=google&utm_campaign=brand&gclid=G-1"):
            said = await site.reported("accepted")
            rep = {"id": "l", "name": "Lena Vogt", "email": "l@e.example",
                   "external_ids": {"booking_url": "https://m.example/l"}}  # fmt: skip
            await decided(it, said["submission_id"], source="web_forms", status="assigned", rep=rep)
            assert (await site.reported("answer"))["rep"] == {"first_name": "Lena"}
            shown = await site.reported("shown")
        assert shown == 'Lena calls. <a href="https://m.example/l">Pick a time</a>'
        [(key, body)] = lossy.keys
        lead, fields = json.loads(body), json.loads(body)["fields"]
        assert len(key) >= 16
        assert (lead["email"], lead["first_name"], lead["kind"], lead["form_id"]) == (
            "dana@northwind.example", "Dana", "demo_request", "demo",
        )  # fmt: skip
        assert "/form?" in lead["page_url"]
        assert (fields["team_size"], fields["tools"]) == ("40", "crm, mail")
        assert "utm_campaign=brand" in fields["first_page"]
        assert fields["first_seen_at"] < lead["landed_at"] <= lead["submitted_at"]
        assert not {"phone", "cv", "_gotcha"} & (lead.keys() | fields.keys())
        await eventually(lambda: it.rows("select 1 from capture.touches"), timeout=30)
        touch = await lead_of(it)
        assert (touch["source"], touch["channel"]) == ("web_forms", "paid_search")
        assert touch["utm"]["campaign"] == "brand"
        assert touch["click_ids"] == {"gclid": "G-1"}


async def test_lost_answers_and_a_page_that_was_left_make_one_lead(
    postgres_dsn: str, mock_kafka: Broker, tmp_path: Path
) -> None:
    async with website(postgres_dsn, mock_kafka, tmp_path) as (site, lossy, it, tag):
        lossy.lose = 3
        # The visitor leaves while nobody has answered; the next page of the site sends it again.
        leave = "addEventListener('submit', () => setTimeout(() => location.href = '/next', 900))"
        site.page("/form", FORM + tag, SUBMIT, leave)
        site.page("/next", tag, REPORT)
        with visiting(f"{site.url}/form"):
            assert (await site.reported("accepted"))["status"] == "duplicate"
        assert len(lossy.keys) >= 4
        assert len(set(lossy.keys)) == 1, "the same key, the same bytes"
        await eventually(lambda: it.rows("select 1 from capture.touches"), timeout=30)
        await lead_of(it)


async def test_what_only_machines_fill_in_is_told_and_a_fault_is_not_sent_again(
    postgres_dsn: str, mock_kafka: Broker, tmp_path: Path
) -> None:
    async with website(postgres_dsn, mock_kafka, tmp_path) as (site, lossy, _, tag):
        bot = """addEventListener('load', () => {
          for (const input of document.forms[0]) if (input.type == 'text') input.value ||= 'x'
          document.forms[0].requestSubmit() })"""
        site.page("/", FORM.replace("dana@northwind.example", "nonsense") + tag, REPORT, bot)
        with visiting(site.url):
            refused = await site.reported("refused")
        assert refused["errors"] == [{"field": "email", "message": "is not an e-mail address"}]
        [(_, body)] = lossy.keys
        assert json.loads(body)["fields"]["_gotcha"] == "x"


async def test_other_origins_cannot_use_the_key(
    postgres_dsn: str, mock_kafka: Broker, tmp_path: Path
) -> None:
    async with website(postgres_dsn, mock_kafka, tmp_path) as (site, lossy, _, tag):
        page = FORM + tag
        site.page("/", page, REPORT, SUBMIT)
        elsewhere = Site()
        elsewhere.page("/", page, REPORT, SUBMIT)
        thieves = await serve(elsewhere)
        try:
            with visiting(thieves.url), visiting(site.url):
                await site.reported("accepted")
                await eventually(lambda: thieves.url in lossy.origins, timeout=60)
        finally:
            await thieves.stop()
        assert len(lossy.keys) == 1
