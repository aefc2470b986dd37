"""A reason that ``qualification.yaml`` lacks, told by a CRM: it counts, and people hear of it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import structlog
from typer.testing import CliRunner

from schemas.base import KindName, TierName
from services.cli.main import build
from services.scoring.qualification import parse
from services.scoring.recycling import Recycler
from tests.integration.scoring.desk import AT, VP, Desk, done, enriched_lead

_FILE = Path(__file__).parents[3] / "deploy/config/qualification.yaml"
_TEXT = _FILE.read_text("utf-8")
BIG = {**VP, "headcount": 600}
YEAR = 365 * 24 * 60


@pytest.fixture
async def lead(desk: Desk) -> UUID:
    """A hot one."""
    desk.definition = parse({"qualification.yaml": _TEXT})
    found = uuid4()
    await desk.take(enriched_lead(BIG, lead_id=found))
    return found


async def newest(desk: Desk, lead: UUID, minutes: int) -> TierName:
    kind = KindName.NEWSLETTER
    (scored,) = await desk.take(
        enriched_lead(BIG, lead_id=lead, kind=kind, minutes=minutes, revision=minutes)
    )
    return scored.tier


def counted(desk: Desk, reason: str) -> float:
    return desk.metrics.disqualifications.labels(reason)._value.get()


async def test_it_counts_and_is_kept_as_said_and_told_of(
    desk: Desk, lead: UUID, postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = done("disqualified", 10, lead_id=lead, reason="bad_timming, ask Ana", source="crm")
    with structlog.testing.capture_logs() as logged:
        await desk.happen(given, ids=uuid4())
    (said,) = [one for one in logged if one["event"] == "disqualified.unlisted_reason"]
    assert (said["lead_id"], said["source"], said["log_level"]) == (str(lead), "crm", "warning")
    assert "Ana" not in json.dumps(said), "people write names into it"
    assert counted(desk, "unlisted") == 1

    assert await newest(desk, lead, 2) is TierName.NURTURE
    assert await newest(desk, lead, YEAR) is TierName.NURTURE, "no date brings it back"
    recycler = Recycler(desk.pool, desk.outbox, lambda: AT.replace(year=2031))
    assert await recycler.step() == 0

    monkeypatch.setenv("HANDRAISE_POSTGRES__DSN", postgres_dsn)
    command = ["scoring", "disqualified"]
    listed = await asyncio.to_thread(CliRunner().invoke, build(command), [*command, "--json"])
    (row,) = json.loads(listed.stdout)
    assert (row["reason"], row["listed"]) == ("bad_timming, ask Ana", False)
    shown = (await asyncio.to_thread(CliRunner().invoke, build(command), command)).stdout
    assert "not in qualification.yaml" in " ".join(shown.replace("│", " ").split())


async def test_saying_it_again_with_a_reason_of_the_list_gives_it_its_date(
    desk: Desk, lead: UUID
) -> None:
    await desk.happen(done("disqualified", 10, lead_id=lead, reason="someday"))
    await desk.happen(done("disqualified", 11, lead_id=lead, reason="Bad Timing"))
    assert (counted(desk, "unlisted"), counted(desk, "bad_timing")) == (1, 1)
    row = await desk.pool.fetchrow("select * from scoring.disqualified")
    assert row is not None
    assert (row["reason"], row["listed"]) == ("bad_timing", True)
    assert row["returns_at"] is not None


async def test_a_reason_that_the_list_gains_holds_from_the_next_score(
    desk: Desk, lead: UUID
) -> None:
    await desk.happen(done("disqualified", 10, lead_id=lead, reason="someday"))
    gained = "disqualify:\n  - {id: someday, says: Later, recycle: {after: 30d}}\n"
    desk.definition = parse({"qualification.yaml": _TEXT.replace("disqualify:\n", gained)})
    assert await newest(desk, lead, 20) is TierName.NURTURE
    row = await desk.pool.fetchrow("select * from scoring.disqualified")
    assert row is not None
    assert (row["listed"], row["returns_at"] is not None) == (True, True)


async def test_a_repeat_is_counted_once_and_no_reason_is_no_unlisted_one(
    desk: Desk, lead: UUID
) -> None:
    told = done("disqualified", 10, lead_id=lead, external_id="17", source="crm")
    with structlog.testing.capture_logs() as logged:
        for _ in range(2):
            await desk.happen(told)
    assert (counted(desk, "none"), counted(desk, "unlisted")) == (1, 0)
    assert not [one for one in logged if one["event"] == "disqualified.unlisted_reason"]
