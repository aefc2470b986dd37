"""Another model on recorded leads, asked for over HTTP: queued, worked off apart, read later."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from pydantic import SecretStr

from services.cli import configfiles
from services.runtime.apart import Apart, Bounds
from services.runtime.apikeys import Scope
from services.runtime.configstore import ConfigStore
from services.runtime.jobs import Jobs
from services.runtime.jobs_sql import JobStore
from services.runtime.settings import PostgresSettings
from services.scoring.http import router
from tests.integration.scoring.desk import AT, VP, Desk, enriched_lead
from tests.support.web import Client, ended, served, worked_off

ROUTE = "/v1/scoring/simulations"
READ = {Scope.DECISIONS_READ}


@pytest.fixture
def jobs(desk: Desk, postgres_dsn: str) -> Jobs:
    apart = Apart(PostgresSettings(dsn=SecretStr(postgres_dsn)), Bounds(120, 4096), at_once=1)
    return Jobs(JobStore(desk.pool, "scoring"), apart)


@asynccontextmanager
async def open_web(desk: Desk, jobs: Jobs) -> AsyncIterator[Client]:
    async with worked_off(jobs), served(desk.pool, router(jobs), scopes=READ) as web:
        yield web


async def _published(desk: Desk) -> dict[str, str]:
    """The example as the active configuration."""
    files = configfiles.load(configfiles.folder(None))
    async with desk.pool.acquire() as connection:
        await ConfigStore().publish(connection, files, author="test", note="the example")
    return files


async def test_who_moves_is_asked_for_and_read_later(desk: Desk, jobs: Jobs) -> None:
    files = await _published(desk)
    await desk.take(
        enriched_lead({**VP, "headcount": 600}),
        enriched_lead(VP, minutes=60, account="b.example"),
    )
    stricter = files["scoring.yaml"].replace("- {name: high, min: 40}", "- {name: high, min: 99}")
    assert stricter != files["scoring.yaml"]
    async with open_web(desk, jobs) as web:
        same = await ended(web, ROUTE, {})
        assert (same["status"], same["asked_by"], same["kind"]) == (
            "done",
            "ops",
            "scoring_simulation",
        )
        assert (same["result"]["leads"], same["result"]["moved"]) == (2, 0)
        late = {"since": (AT + timedelta(minutes=30)).isoformat()}
        assert (await ended(web, ROUTE, late))["result"]["leads"] == 1

        other = await ended(web, ROUTE, {"files": {"scoring.yaml": stricter}, "moves": 1})
        report = other["result"]
        assert report["moved"] == sum(
            count
            for was, row in report["moves"].items()
            for becomes, count in row.items()
            if was != becomes
        )
        assert report["version"] != same["result"]["version"]
        page = await web.get(f"{ROUTE}/{other['id']}/page")
        assert page.headers["content-type"].startswith("text/html")
        assert f"{report['moved']} of 2 leads move" in page.text

        listed = (await web.get(ROUTE)).json()["simulations"]
        assert listed[0]["id"] == other["id"]
        assert len(listed) == 3


async def test_a_model_with_a_fault_is_refused_with_its_line(desk: Desk, jobs: Jobs) -> None:
    files = await _published(desk)
    broken = files["scoring.yaml"].replace("points: ", "pionts: ", 1)
    async with open_web(desk, jobs) as web:
        made = await ended(web, ROUTE, {"files": {"scoring.yaml": broken}})
        assert (made["status"], made["problem"]["status"]) == ("failed", 422)
        fault = made["problem"]["faults"][0]
        assert fault["file"] == "scoring.yaml"
        assert fault["line"] > 1
        assert "did you mean points?" in fault["message"]
        unknown = await ended(web, ROUTE, {"version": "0123456789ab"})
        assert (unknown["status"], unknown["problem"]["status"]) == ("failed", 404)
        assert "0123456789ab" in unknown["problem"]["detail"]


async def test_what_makes_no_sense_is_refused_at_once(desk: Desk, jobs: Jobs) -> None:
    async with served(desk.pool, router(jobs), scopes=READ) as web:
        for asked in (
            {"since": "2026-11-24T00:00:00Z", "until": "2026-11-23T00:00:00Z"},
            {"what_if": ["dana left"]},
            {"files": {"../scoring.yaml": ""}},
            {"moves": -1},
        ):
            answer = await web.post(ROUTE, json=asked)
            assert (answer.status_code, answer.json()["title"]) == (422, "Invalid request"), asked
        refused = await web.post(ROUTE, json={}, headers=web.narrow)
        assert (refused.status_code, refused.json()["scope"]) == (403, "decisions:read")
        nothing = f"{ROUTE}/3ed87483-759c-5460-80d4-c5fd918062e2"
        for path in (nothing, f"{nothing}/page"):
            assert (await web.get(path)).status_code == 404
        waiting = (await web.post(ROUTE, json={})).headers["location"]
        assert (await web.get(f"{waiting}/page")).status_code == 409
        assert (await web.delete(waiting)).json()["status"] == "cancelled"
