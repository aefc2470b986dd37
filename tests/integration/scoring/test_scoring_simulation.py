"""Recorded leads under another model: the same integers under the same one, moves under another."""

from __future__ import annotations

import asyncio
import json
import shutil
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import asyncpg
from typer.testing import CliRunner

from schemas.base import KindName, Lane, Motion, TierName
from services.cli import configfiles
from services.cli.main import build
from services.scoring.config import ScoringFile
from services.scoring.qualification import parse
from services.scoring.rules import Rules
from services.scoring.simulation import Change, again, change, summary
from services.scoring.store.recorded import recorded
from tests.integration.scoring.desk import AT, MODEL, VP, Desk, done, enriched_lead, seen


async def _changes(pool: asyncpg.Pool, model: ScoringFile, **period: object) -> list[Change]:
    async with pool.acquire() as conn:
        return [change(Rules(model), one) async for one in recorded(conn, **period)]


async def _history(desk: Desk) -> None:
    """Touches, a late older event, activities, a signal: all that a score is made from."""
    lead = uuid4()
    await desk.take(
        enriched_lead(VP, lead_id=lead, kind=KindName.WEBINAR, email="ana@acme.example"),
        enriched_lead({**VP, "headcount": 600}, lead_id=lead, minutes=90, revision=3),
        enriched_lead(VP, lead_id=lead, minutes=60, revision=2, kind=KindName.NEWSLETTER),
        enriched_lead({"email_class": "free"}, kind=KindName.NEWSLETTER, account="b.example"),
    )
    await desk.happen(done("page_view", 95, lead_id=lead, page_kind="pricing"))
    await desk.happen(done("email_replied", 96, lead_id=lead))
    await desk.see(seen("funding", 100))
    await desk.settle()


async def test_the_same_model_gives_the_same_integers_from_what_was_recorded(desk: Desk) -> None:
    await _history(desk)
    async with desk.pool.acquire() as conn:
        leads = [one async for one in recorded(conn)]
    assert len(leads) == 2
    for one in leads:
        stored = (await desk.scores(one.lead_id))[-1]
        found = again(MODEL, one)
        assert found.score.model_dump() == {n: stored[n] for n in ("fit", "intent", "total")}
        assert (found.tier.value, found.mql) == (stored["tier"], stored["mql"])
    assert not any(one.why or one.moves for one in await _changes(desk.pool, MODEL))


async def test_another_model_says_who_moves_and_why(desk: Desk) -> None:
    await _history(desk)
    rules = tuple(
        rule.model_copy(update={"points": -100}) if rule.id == "headcount_500" else rule
        for rule in MODEL.fit.rules
    )
    stricter = MODEL.model_copy(update={"fit": MODEL.fit.model_copy(update={"rules": rules})})
    changes = await _changes(desk.pool, stricter)
    (moved,) = [one for one in changes if one.moves]
    assert (moved.before.tier, moved.after.tier) == (TierName.HOT, TierName.NURTURE)
    assert moved.why[0] == ("headcount_500", -140_00)
    found = summary(changes)
    assert (found.leads, found.moved, found.mql_before, found.mql_after) == (2, 1, 1, 0)
    assert found.moves["hot"] == {"hot": 0, "warm": 0, "nurture": 1}


async def test_the_command_takes_a_folder_and_prints_who_moves(
    desk: Desk, postgres_dsn: str, tmp_path: Path
) -> None:
    await _history(desk)
    folder = shutil.copytree(configfiles.folder(None), tmp_path / "config")
    file = folder / "scoring.yaml"
    file.write_text(file.read_text().replace("- {name: high, min: 40}", "- {name: high, min: 99}"))
    asked = ["--scoring", str(folder), "--postgres", postgres_dsn, "--json"]
    done = await asyncio.to_thread(CliRunner().invoke, build(["simulate"]), ["simulate", *asked])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert (found["leads"], found["moved"], found["moves"]["hot"]["hot"]) == (2, 0, 1)
    told = await asyncio.to_thread(
        CliRunner().invoke, build(["simulate"]), ["simulate", *asked[:-1]]
    )
    assert "nobody moves to another tier" in told.output
    page = tmp_path / "page.html"
    drawn = ["simulate", *asked[:-1], "--html", str(page)]
    assert (await asyncio.to_thread(CliRunner().invoke, build(["simulate"]), drawn)).exit_code == 0
    assert "<svg" in page.read_text("utf-8")
    assert "0 of 2 leads move" in page.read_text("utf-8")


async def test_whom_sales_gave_up_moves_only_with_the_definition(desk: Desk) -> None:
    text = (configfiles.folder(None) / "qualification.yaml").read_text("utf-8")
    desk.definition = parse({"qualification.yaml": text})
    (scored,) = await desk.take(enriched_lead({**VP, "headcount": 600}))
    lead = scored.lead.lead_id
    await desk.happen(done("disqualified", 10, lead_id=lead, reason="no_fit"))
    async with desk.pool.acquire() as conn:
        kept = [change(Rules(MODEL, desk.definition), one) async for one in recorded(conn)]
        without = [change(Rules(MODEL), one) async for one in recorded(conn)]
    assert [one.moves for one in kept] == [False]
    assert [(one.before.tier, one.after.tier) for one in without] == [("nurture", "hot")]


async def test_a_prospect_who_waits_for_a_turn_does_not_move_by_being_looked_at(desk: Desk) -> None:
    known = {**VP, "headcount": 600, "industry": "software", "company_country": "DE"}
    outbound = {"motion": Motion.OUTBOUND, "kind": KindName.PROSPECT, "lane": Lane.BULK}
    await desk.take(
        enriched_lead(known, account="c.example", **outbound),
        enriched_lead({"headcount": 3}, account="d.example", **outbound),
    )
    assert not any(one.moves for one in await _changes(desk.pool, MODEL))
    free = MODEL.model_copy(update={"outbound": None})
    moved = [one for one in await _changes(desk.pool, free) if one.moves]
    assert [one.account_key for one in moved] == ["c.example"]


async def test_only_leads_of_the_period_are_scored_again(desk: Desk) -> None:
    await _history(desk)
    late, early = AT + timedelta(minutes=30), AT + timedelta(minutes=1)
    assert len(await _changes(desk.pool, MODEL, since=late)) == 1
    assert len(await _changes(desk.pool, MODEL, until=early)) == 1
