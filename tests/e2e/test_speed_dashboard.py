"""Every query of every dashboard, asked of a real Prometheus that scraped a real run."""

from __future__ import annotations

import contextlib
import json
import math
import re
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from pathlib import Path

import asyncpg
import httpx
from aiokafka import AIOKafkaProducer

from schemas.topics import SCORED
from services.capture.adapters import ADAPTERS
from services.cli import configfiles
from services.cli.samples import Sample, samples
from tests.support import grafana, prometheus
from tests.support.grafana import DASHBOARDS, RULES, Query
from tests.support.hooks import signed
from tests.support.prometheus import Prometheus
from tests.support.up import Up, up

SECRETS = {
    "HANDRAISE_SECRET_TYPEFORM_DEMO": "typeform-secret-of-a-test",
    "HANDRAISE_SECRET_WEBSITE": "whsec_d2Vic2l0ZS1zZWNyZXQtb2YtYS10ZXN0",
    "HANDRAISE_SECRET_FIRMOGRAPHICS": "provider-secret-of-a-test",
}
SOURCES = {
    "typeform_demo": ("typeform", "HANDRAISE_SECRET_TYPEFORM_DEMO"),
    "website": ("standard_webhooks", "HANDRAISE_SECRET_WEBSITE"),
}
QUERIES = [query for path in sorted(DASHBOARDS.glob("*.json")) for query in grafana.queries(path)]
WINDOW = "30s"


async def test_every_query_of_the_dashboards_returns_data(tmp_path: Path) -> None:
    scraped = tmp_path / "prometheus"
    scraped.mkdir()
    with (
        _provider() as address,
        up(
            tmp_path / "data",
            "--config",
            str(_config(tmp_path / "config", address)),
            "--clock-scale",  # the first breach comes after seconds
            "60",
            "--demo-sinks",
            env=SECRETS,
        ) as running,
    ):
        targets = {
            name: url.removeprefix("http://")
            for name, url in running.line["services"].items()
            if name != "demo-sinks"  # not ours to measure
        }
        with prometheus.running(scraped, targets, RULES / "*.yml") as server:
            server.wait_for(f"count(up == 1) == {len(targets)}")
            await _traffic(running, server)
            silent = _silent(server)
    assert not silent, "\n".join(f"{query.panel}: {query.render(WINDOW)}" for query in silent)


async def _traffic(running: Up, server: Prometheus) -> None:
    """What makes each panel say something: leads of every source, one held, one poisoned."""
    now = datetime.now(UTC)
    async with httpx.AsyncClient(base_url=running.http, timeout=10) as client:
        for sample in islice(samples(format(int(time.time()), "x"), now), 60):
            answer = await _hand_in(client, running, sample)
            assert answer.status_code == 200, answer.text
        for number in range(5):
            running.post_lead(kind="webinar", email=f"held{number}@waits-{number}.example.com")
        await _poison(running.line["kafka"])
        await _answers(client, running)
        # An increase is seen only from a first sample on.
        server.wait_for("sum(handraise_speed_to_lead_seconds_count) > 0", seconds=40)
        server.wait_for("sum(handraise_time_to_accept_seconds_count) > 0", seconds=40)
        server.wait_for("sum(handraise_hops_total) > 0", seconds=60)
        told = "count(sum by (sink) (handraise_delivery_latency_seconds_count) > 0) == 5"
        server.wait_for(told, seconds=40)
        await _given_away(client, running, server)
        for sample in islice(samples(format(int(time.time()) + 1, "x"), now), 30):
            await _hand_in(client, running, sample)
        await _answers(client, running)
        server.wait_for("sum(handraise_holds) > 0")
        server.wait_for("sum(handraise_hold_seconds_count) >= 1", seconds=40)
        for sample in islice(samples(format(int(time.time()), "x"), now), 30):
            await _hand_in(client, running, sample)


async def _given_away(client: httpx.AsyncClient, running: Up, server: Prometheus) -> None:
    """Somebody gives contacts to other owners in the CRM, until that was noticed: leads move on by
    themselves here, and one that moves to the same person at that moment is no change."""
    sinks = running.line["services"]["demo-sinks"]
    found = (await client.get(f"{sinks}/messages", params={"sink": "hubspot"})).json()
    page = (await client.get(sinks)).text
    for contact in islice((one["raw"] for one in found), 8):
        owners = set(re.findall(r'<option value="(\d+)">', page)) - {contact["hubspot_owner_id"]}
        given = {"email": contact["email"], "owner": min(owners)}
        await client.post(f"{sinks}/hubspot/give", data=given)
        with contextlib.suppress(AssertionError):
            server.wait_for("sum(handraise_crm_owner_changes_total) > 0", seconds=5)
            return
    raise AssertionError("nobody noticed that contacts were given away")


async def _answers(client: httpx.AsyncClient, running: Up) -> None:
    """A rep accepts a lead, and two are called."""
    connection = await asyncpg.connect(running.line["postgres"])
    try:
        rows = await connection.fetch(
            "select lead_id, assignment_id, rep_id from routing.attempts"
            " where status = 'assigned' and tier = 'hot' order by given_at desc limit 3"
        )
    finally:
        await connection.close()
    first, *called = rows
    routing = running.line["services"]["routing"]
    accepted = await client.post(
        f"{routing}/v1/assignments/{first['assignment_id']}/accept",
        json={"rep_id": first["rep_id"]},
        headers=running.headers,
    )
    assert accepted.status_code in (200, 409), accepted.text
    for row in called:
        said = await client.post(
            "/v1/activities",
            json={
                "activity": "call_connected",
                "lead_id": str(row["lead_id"]),
                "rep_id": row["rep_id"],
                "actor": "human",
                "source": "dialler",
                "external_id": f"call-{row['lead_id']}",
                "occurred_at": datetime.now(UTC).isoformat(),
            },
            headers=running.headers,
        )
        assert said.status_code == 200, said.text


async def _hand_in(client: httpx.AsyncClient, running: Up, sample: Sample) -> httpx.Response:
    """As the sample's sender would: signed, or with the API key."""
    headers = {"content-type": "application/json"}
    if sample.source not in SOURCES:
        headers |= running.headers
        return await client.post("/v1/leads", content=sample.body, headers=headers)
    adapter, variable = SOURCES[sample.source]
    asked = signed(ADAPTERS[adapter], sample.body, SECRETS[variable].encode(), time.time())
    headers |= asked.headers
    return await client.post(f"/hooks/{sample.source}", content=sample.body, headers=headers)


async def _poison(bootstrap: str) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    try:
        await producer.send_and_wait(SCORED.name, b"no JSON at all", key=b"poison.example")
    finally:
        await producer.stop()


def _silent(server: Prometheus) -> list[Query]:
    """The queries that still answer nothing but NaN, after a while of asking."""
    deadline = time.monotonic() + 30
    silent = QUERIES
    while silent and time.monotonic() < deadline:
        silent = [query for query in silent if not _says_something(server, query)]
    return silent


def _says_something(server: Prometheus, query: Query) -> bool:
    return any(not math.isnan(sample.value) for sample in server.query(query.render(WINDOW)))


def _config(folder: Path, provider: str) -> Path:
    """The committed example, with a provider that answers and a pool that works another day."""
    shutil.copytree(configfiles.folder(None), folder)
    day = f"{datetime.now(UTC) + timedelta(days=3):%A}".lower()
    soon = "{hot: 3s, warm: 3s, nurture: 3s}"
    rep = "name: Otto Test, email: otto.test@example.com, role: sdr, time_zone: UTC"
    pool = f"role: sdr, members: [otto.test], nobody_free: hold, max_hold: {soon}"
    url = "https://api.firmographics.example/v1/companies?domain={domain}"
    off = "firmographics:\n    enabled: false"
    _replace(folder / "enrichment.yaml", off, off.replace("false", "true"))
    _replace(folder / "enrichment.yaml", url, f"{provider}/{{domain}}")
    _insert(folder / "routing.yaml", "rules", "- {id: w, when: {kind: webinar}, pool: another-day}")
    _insert(folder / "teams.yaml", "reps", f"- {{id: otto.test, {rep}, calendar: another_day}}")
    _insert(folder / "teams.yaml", "pools", f"- {{id: another-day, {pool}}}")
    hours = f'another_day: {{hours: {{{day}: "08:00-17:00"}}}}'
    _insert(folder / "calendars.yaml", "calendars", hours)
    return folder


def _insert(path: Path, section: str, line: str) -> None:
    _replace(path, f"\n{section}:\n", f"\n{section}:\n  {line}\n")


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{path.name}: {old!r}"
    path.write_text(text.replace(old, new), encoding="utf-8")


class _Company(BaseHTTPRequestHandler):
    """A provider that knows every company."""

    def do_GET(self) -> None:
        domain = self.path.rpartition("/")[2]
        company = {"domain": domain, "headcount": 320, "industry": "software", "country_code": "DE"}
        body = json.dumps({"company": company}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None: ...


@contextmanager
def _provider() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Company)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
