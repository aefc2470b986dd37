"""Pages that post by themselves: who may, what they can read, and what they hear afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from shutil import copytree

import httpx

from services.capture.website import script
from services.runtime import apikeys
from services.runtime.apikeys import Scope
from tests.integration.capture.deciding import decided
from tests.integration.capture.running import Capture, capture
from tests.support.kafka import Broker

ORIGIN = "https://www.northwind.example"
PAGE = {"origin": ORIGIN}
OURS: dict[str, object] = {"source": "web_forms"}
HELD: dict[str, object] = {**OURS, "status": "held", "rep": None, "sequence": 1}
SOURCE = f"""
  web_forms:
    adapter: api
    kind: demo_request
    browser:
      origins: [{ORIGIN}]
      after_hours: We sleep.
"""


@asynccontextmanager
async def pages(dsn: str, broker: Broker, folder: Path) -> AsyncIterator[tuple[Capture, str]]:
    """Capture, and a publishable key of ``web_forms``."""
    copytree("deploy/config", folder, dirs_exist_ok=True)
    with (folder / "sources.yaml").open("a") as file:
        file.write(SOURCE)
    async with capture(dsn, broker.settings, config=folder) as it:
        async with it.ctx.control.acquire() as connection:
            key = await apikeys.create(connection, "page", {Scope.LEADS_WRITE}, actor="test",
                                       source="web_forms", publishable=True)  # fmt: skip
        await it.ctx.keys.refresh(it.ctx.control)
        yield it, f"Bearer {key}"


async def test_a_page_of_the_source_posts_and_hears_who_will_call(
    postgres_dsn: str, mock_kafka: Broker, tmp_path: Path
) -> None:
    async with pages(postgres_dsn, mock_kafka, tmp_path) as (it, key):
        accepted = await it.lead(
            "k1", email="dana@northwind.example", headers={**PAGE, "authorization": key}
        )
        assert accepted.status_code == 200
        assert accepted.headers["access-control-allow-origin"] == ORIGIN
        said = accepted.json()
        again = await it.lead(
            "k1", email="dana@northwind.example", headers={**PAGE, "authorization": key}
        )
        assert again.json() == {**said, "status": "duplicate"}

        def ask(token: str, **params: object) -> asyncio.Task[httpx.Response]:
            headers = {**PAGE, "authorization": f"Bearer {token}"}
            path = f"/v1/submissions/{said['submission_id']}"
            return asyncio.create_task(it.http.get(path, headers=headers, params=params))

        early = await ask(said["token"])
        assert early.json()["status"] == "received"
        assert early.headers["access-control-allow-origin"] == ORIGIN
        waiting = [ask(said["token"], wait=5) for _ in range(3)]
        rep = {"id": "l", "name": "Lena Vogt", "email": "l@e.example",
               "external_ids": {"booking_url": "https://meet.example/lena"}}  # fmt: skip
        await decided(
            it, said["submission_id"], source="web_forms", status="assigned", rep=rep, sequence=2
        )
        for answer in await asyncio.gather(*waiting):
            assert answer.json()["rep"] == {"first_name": "Lena"}
            assert answer.json()["booking_url"] == "https://meet.example/lena"
        # What comes late and is older changes nothing.
        await decided(
            it, said["submission_id"], source="web_forms", status="held", rep=None, sequence=1
        )
        asks = {**PAGE, "authorization": key}
        other = (await it.lead("k2", email="e@northwind.example", headers=asks)).json()
        unasked = await it.lead("k3", email="f@northwind.example")
        assert unasked.json().keys() == {"status", "submission_id"}, "a program has its own key"
        await decided(
            it, other["submission_id"], source="web_forms", status="held", rep=None, sequence=1
        )
        late = {"authorization": f"Bearer {other['token']}"}
        path = f"/v1/submissions/{other['submission_id']}"
        held = await it.http.get(path, headers=late, params={"wait": 5})
        assert held.json()["status"] == "held"
        assert (await ask(said["token"])).json()["status"] == "assigned"
        assert (await ask(other["token"])).status_code == 401
        assert (await ask("")).status_code == 401
        assert (await ask(said["token"], wait=6)).status_code == 422


async def test_a_publishable_key_works_from_its_pages_alone(
    postgres_dsn: str, mock_kafka: Broker, tmp_path: Path
) -> None:
    async with pages(postgres_dsn, mock_kafka, tmp_path) as (it, key):
        foreign = {"origin": "https://evil.example", "authorization": key}
        for headers in (foreign, {"authorization": key}):
            refused = await it.lead(email="a@b.example", headers=headers)
            assert refused.status_code == 403
            assert "access-control-allow-origin" not in refused.headers
        # A page can read what is wrong with its form.
        faulty = await it.lead(email="nonsense", headers={**PAGE, "authorization": key})
        assert faulty.status_code == 422
        assert faulty.headers["access-control-allow-origin"] == ORIGIN
        unknown = await it.lead(email="a@b.example", headers={**PAGE, "authorization": "Bearer x"})
        assert (unknown.status_code, unknown.headers["vary"]) == (401, "Origin")
        # What reps would follow as a link into their CRM is nothing for whoever fills in a form.
        link = {"email": "a@b.example", "crm_url": "https://evil.example/"}
        lure = await it.lead(**link, headers={**PAGE, "authorization": key})
        assert (lure.status_code, lure.json()["errors"][0]["field"]) == (422, "crm_url")
        assert (await it.lead(**link)).status_code == 200
        # A key of a server of ours needs no page.
        assert (await it.lead(email="a@b.example")).status_code == 200

        async def preflight(origin: str) -> httpx.Response:
            headers = {"origin": origin, "access-control-request-method": "POST"}
            return await it.http.options("/v1/leads", headers=headers)

        allowed = await preflight(ORIGIN)
        assert allowed.status_code == 204
        assert "idempotency-key" in allowed.headers["access-control-allow-headers"].lower()
        assert (await preflight("https://evil.example")).status_code == 403


async def test_the_script_is_small_and_is_fetched_once(
    postgres_dsn: str, mock_kafka: Broker, tmp_path: Path
) -> None:
    async with pages(postgres_dsn, mock_kafka, tmp_path) as (it, _):
        first = await it.http.get("/handraise.js")
        assert first.status_code == 200
        assert first.headers["content-type"].startswith("text/javascript")
        assert first.content == script()
        assert len(first.content) < 4_096
        again = await it.http.get("/handraise.js", headers={"if-none-match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
