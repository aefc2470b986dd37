"""What people are told of scores: the ledger with its reasons, the account, what outcomes teach."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from typer.testing import CliRunner, Result

from schemas.base import KindName
from services.cli import configfiles
from services.cli.main import build
from services.runtime.configstore import ConfigStore
from services.scoring.learning.samples import NAMES, features, full_points, reached
from services.scoring.store import recorded
from services.scoring.store.outcomes import samples
from tests.integration.scoring.desk import AT, MODEL, VP, Desk, done, enriched_lead, seen


@pytest.fixture
def run(postgres_dsn: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("HANDRAISE_POSTGRES__DSN", postgres_dsn)

    async def call(*args: str) -> Result:
        command = ["scoring", *args]
        return await asyncio.to_thread(CliRunner().invoke, build(command), command)

    return call


async def _published(desk: Desk) -> str:
    files = configfiles.load(configfiles.folder(None))
    async with desk.pool.acquire() as conn:
        version = await ConfigStore().publish(conn, files, "test", "")
    await desk.pool.execute("update scoring.scores set version = $1", version)
    return version


async def test_a_ledger_says_what_happened_and_which_values_decided(desk: Desk, run: Any) -> None:
    lead = uuid4()
    await desk.take(enriched_lead({**VP, "headcount": 600}, lead_id=lead))
    await desk.happen(done("email_replied", 5, lead_id=lead))
    await desk.see(seen("funding", 6))
    await desk.settle()
    await _published(desk)
    found = json.loads((await run("explain", str(lead), "--json")).stdout)
    assert sum(line["points"] for line in found["ledger"]) == found["total"]
    told = {line["rule"]: line["what"] for line in found["ledger"]}
    assert told["demo_request"] == "demo_request"
    assert told["signal_funding"] == "funding (newsdesk)"
    assert told["headcount_500"] == ""
    why = json.loads((await run("explain", str(lead), "--why", "--json")).stdout)
    reasons = {line["rule"]: line["why"] for line in why["ledger"]}
    assert reasons["headcount_500"] == ["company.headcount gte 500 (is 600)"]
    text = (await run("explain", str(lead), "--why")).stdout
    assert "demo_request, 2026-11-23" in text
    assert "company.headcount gte 500 (is 600)" in text


async def test_an_account_shows_its_people_and_who_is_missing(desk: Desk, run: Any) -> None:
    boss, expert = uuid4(), uuid4()
    await desk.take(
        enriched_lead(VP, lead_id=boss),
        enriched_lead({"seniority": "ic", "department": "it"}, lead_id=expert),
        enriched_lead(VP, account="other.example"),
    )
    found = json.loads((await run("account", "www.acme.example", "--json")).stdout)
    assert {one["lead_id"]: one["role"] for one in found["people"]} == {
        str(boss): "economic_buyer",
        str(expert): "technical_evaluator",
    }
    assert found["missing"] == ["champion"]
    assert json.loads((await run("account", str(boss), "--json")).stdout) == found
    assert (await run("account", "nobody.example")).exit_code != 0


async def test_a_sample_is_the_first_score_and_what_came_within_the_horizon(desk: Desk) -> None:
    pytest.importorskip("sklearn", reason="learning needs handraise[learn]")
    lead, late = uuid4(), uuid4()
    await desk.take(
        enriched_lead(VP, lead_id=lead, kind=KindName.WEBINAR),
        enriched_lead(VP, lead_id=lead, minutes=60, revision=2),
        enriched_lead(VP, lead_id=late, account="b.example"),
    )
    await desk.happen(done("qualified", 90, lead_id=lead))
    await desk.happen(done("won", 60 * 24 * 40, lead_id=late))
    await desk.happen(done("page_view", 95, lead_id=late))
    month = timedelta(days=30)
    async with desk.pool.acquire() as conn:
        found = {one.lead_id: one for one in await samples(conn, NAMES, month, AT + 2 * month)}
        assert await samples(conn, NAMES, month, AT + month) == []
    assert found[lead].came == {"qualified"}
    assert found[late].came == frozenset()
    assert reached(found.values(), "qualified") == [one is found[lead] for one in found.values()]
    met = features(found[lead], full_points(MODEL))
    assert met["event"] == 1.0
    assert "demo_request" not in met


async def test_learn_says_why_it_proposes_nothing(desk: Desk, run: Any, tmp_path: Path) -> None:
    pytest.importorskip("sklearn", reason="learning needs handraise[learn]")
    await desk.take(enriched_lead(VP))
    await _published(desk)
    refused = (await run("learn", "--horizon", "400")).exception
    assert "no lead had 400 days" in str(refused)
    await desk.pool.execute("update scoring.scores set at = at - interval '400 days'")
    diff = tmp_path / "points.diff"
    told = json.loads((await run("learn", "--json", "--diff", str(diff))).stdout)
    assert "1 leads with 0 wins" in told["why_not"]
    assert (told["proposals"], told["diff"], diff.read_text()) == ([], "", "")


async def test_nobody_is_told_of_a_lead_that_is_not_there(desk: Desk) -> None:
    async with desk.pool.acquire() as conn:
        assert await recorded.of_lead(conn, UUID(int=1)) is None
