"""Whom sales gave up stays in nurture, and comes back once: on its date, or by what happens."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from typer.testing import CliRunner

from schemas.base import KindName, Lane, Motion, TierName
from schemas.qualification import Answers
from services.cli import configfiles
from services.cli.main import build
from services.runtime.configstore import ConfigStore
from services.scoring.qualification import parse
from services.scoring.recycling import Recycler
from tests.integration.scoring.desk import AT, VP, Desk, done, enriched_lead, seen

_FILE = Path(__file__).parents[3] / "deploy/config/qualification.yaml"
BIG = {**VP, "headcount": 600}
DAY = 24 * 60


@pytest.fixture
async def given_up(desk: Desk) -> UUID:
    """A hot lead that sales gave up for its timing (90 days)."""
    desk.definition = parse({"qualification.yaml": _FILE.read_text("utf-8")})
    lead = uuid4()
    (scored,) = await desk.take(enriched_lead(BIG, lead_id=lead))
    assert scored.tier is TierName.HOT
    assert await desk.happen(done("disqualified", 10, lead_id=lead, reason="bad_timing")) == []
    return lead


async def back(desk: Desk, days: float, of: int = 2) -> list[UUID]:
    """Who comes back by then; so many processes look at the same time."""
    now = AT + timedelta(days=days)
    before = len(desk.captured)
    await asyncio.gather(*(Recycler(desk.pool, desk.outbox, lambda: now).step() for _ in range(of)))
    return [one.lead.lead_id for one in desk.captured[before:]]


async def test_it_is_nurtured_until_its_date_and_comes_back_once(
    desk: Desk, given_up: UUID
) -> None:
    (again,) = await desk.take(
        enriched_lead(BIG, lead_id=given_up, kind=KindName.NEWSLETTER, minutes=DAY, revision=2)
    )
    assert again.tier is TierName.NURTURE
    assert again.ledger[-1].rule == "disqualified:bad_timing"
    assert sum(line.points for line in again.ledger) == again.score.total
    assert await back(desk, 89) == []
    assert await back(desk, 91) == [given_up]
    assert await back(desk, 92) == []
    (captured,) = desk.captured
    assert (captured.motion, captured.lane, captured.touch) == (Motion.OUTBOUND, Lane.BULK, 3)
    assert captured.lead.fields == {"recycled": "bad_timing"}
    (scored,) = await desk.take(
        enriched_lead(
            BIG, lead_id=given_up, kind=KindName.PROSPECT, minutes=91 * DAY, revision=3,
            motion=Motion.OUTBOUND, lane=Lane.BULK,
        )
    )  # fmt: skip
    assert scored.qualification is not None
    assert scored.qualification.disqualified is None
    assert "disqualified:bad_timing" not in [line.rule for line in scored.ledger]


async def test_a_signal_or_a_reply_brings_it_back_before_its_date(
    desk: Desk, given_up: UUID
) -> None:
    await desk.see(seen("funding", 20))
    await desk.settle()
    assert await back(desk, 1) == []
    await desk.happen(done("page_view", 25, lead_id=given_up))
    await desk.see(seen("executive_hire", 30))
    await desk.settle()
    await desk.happen(done("page_view", 35, lead_id=given_up))
    await desk.settle()
    assert await back(desk, 1) == [given_up]
    assert await back(desk, 200) == []


async def test_whoever_asks_for_a_conversation_needs_no_recycling(
    desk: Desk, given_up: UUID
) -> None:
    (scored,) = await desk.take(enriched_lead(BIG, lead_id=given_up, minutes=DAY, revision=2))
    assert scored.tier is TierName.HOT
    assert await back(desk, 200) == []


async def test_explain_tells_what_is_known_and_what_is_missing(
    desk: Desk, given_up: UUID, postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANDRAISE_POSTGRES__DSN", postgres_dsn)
    answers = Answers.model_validate({"timeline": {"said": "next year"}})
    await desk.happen(done("call_connected", 12, lead_id=given_up, answers=answers))
    async with desk.pool.acquire() as conn:
        files = configfiles.load(configfiles.folder(None))
        version = await ConfigStore().publish(conn, files, "test", "")
    await desk.pool.execute("update scoring.scores set version = $1", version)
    command = ["scoring", "explain", str(given_up)]
    done_json = await asyncio.to_thread(CliRunner().invoke, build(command), [*command, "--json"])
    found = json.loads(done_json.stdout)["qualification"]
    known = {one["criterion"]: (one["state"], one["source"]) for one in found["criteria"]}
    assert known["timeline"] == ("unmet", "rep")
    assert known["authority"] == ("met", "person.seniority")
    assert known["budget"] == ("open", None)
    assert found["disqualified"]["reason"] == "bad_timing"
    text = (await asyncio.to_thread(CliRunner().invoke, build(command), command)).stdout
    assert "disqualified for bad_timing on 2026-11-23; comes back: 2027-02-21" in text
    command = ["scoring", "disqualified", "--json"]
    listed = await asyncio.to_thread(CliRunner().invoke, build(command), command)
    (row,) = json.loads(listed.stdout)
    assert (row["lead_id"], row["reason"]) == (str(given_up), "bad_timing")
