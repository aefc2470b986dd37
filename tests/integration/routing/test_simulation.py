"""Recorded traffic run again: under the same configuration nothing moves, under another it does."""

from __future__ import annotations

import asyncio
import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import asyncpg
import pytest

from schemas.assignment import AssignmentChanged
from schemas.base import TierName
from services.cli.main import run
from services.routing.review.books import recorded_traffic
from services.routing.review.cases import Simulated
from services.routing.review.compare import with_record
from services.routing.review.simulation import simulate
from services.routing.review.traffic import Traffic
from tests.integration.routing.conftest import OpenDesk
from tests.integration.routing.desk import Desk
from tests.integration.routing.leads import MONDAY_NINE, files, many, plan, scored

START = MONDAY_NINE - timedelta(hours=1)
MINUTES = 600
END = START + timedelta(minutes=MINUTES)
OFFICE = {
    "members": {"ana": 1, "ben": 2, "cleo": 3},
    "calendar": "office",
    "rep_options": ", caps: {day: 12, open: 6}",
    "pool_options": ", max_hold: {hot: 2h, warm: 1d, nurture: 2d}",
}


async def traffic_of(desk: Desk) -> Traffic:
    async with desk.pool.acquire() as connection:
        return await recorded_traffic(cast(asyncpg.Connection, connection), START, END)


async def a_day(desk: Desk, seed: int, leads: int = 60) -> None:
    """Leads of a few companies from before opening to after closing; reps accept and reject."""
    dice = random.Random(seed)
    given: list[AssignmentChanged] = []
    arrivals = sorted(dice.randrange(MINUTES) for _ in range(leads))
    for minute in range(MINUTES):
        desk.now = START + timedelta(minutes=minute)
        given += await drained(desk)
        for n in (n for n, at in enumerate(arrivals) if at == minute):
            tier = dice.choice([TierName.HOT, TierName.WARM, TierName.NURTURE])
            company = f"c{dice.randrange(leads)}.example"
            given += await desk.route(scored(f"p{n}@{company}", tier=tier, at=desk.now))
        if minute in arrivals and dice.random() < 0.5:
            one = dice.choice(given)
            action = dice.choice(["accept", "accept", "reject"])
            await desk.act(one.assignment_id, action, one.rep.id if one.rep else None)
            given += await drained(desk)


async def drained(desk: Desk) -> list[AssignmentChanged]:
    """As the drain does by itself: each second, as long as there is something to give."""
    given: list[AssignmentChanged] = []
    while more := await desk.drained():
        given += more
        desk.later(seconds=1)
    return given


async def test_the_same_configuration_gives_what_was_recorded(open_desk: OpenDesk) -> None:
    desk = await open_desk(files(**OFFICE))  # type: ignore[arg-type]
    await a_day(desk, 1)
    traffic = await traffic_of(desk)
    same = simulate(desk.config.current.value, "same", traffic)
    assert len(same.results) == 60
    moved = [pair for pair in with_record(same) if pair.moved]
    assert moved == []


async def test_another_configuration_says_who_would_have_got_what(open_desk: OpenDesk) -> None:
    desk = await open_desk(files(**OFFICE))  # type: ignore[arg-type]
    await a_day(desk, 2)
    traffic = await traffic_of(desk)
    without = plan({"ben": 1, "cleo": 1}, calendar="always")
    one, two = (simulate(without, "other", traffic) for _ in range(2))
    assert one == two, "the same every time"
    assert {result.simulated.rep for result in one.results} <= {"ben", "cleo"}
    assert held(one) == 0 < held_as_recorded(one)


def held(run: Simulated) -> int:
    return sum(one.simulated.at > one.arrival.at for one in run.results)


def held_as_recorded(run: Simulated) -> int:
    return sum(one.arrival.recorded.at > one.arrival.at for one in run.results)


async def command(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Exit code and output of a command."""
    capsys.readouterr()
    code = await asyncio.to_thread(run, list(arguments))
    said = capsys.readouterr()
    documents = [line for line in said.out.splitlines() if line.startswith("{")]
    return code, documents[-1] if documents else said.err


async def test_the_command_compares_shows_and_draws(
    open_desk: OpenDesk, postgres_dsn: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    desk = await open_desk(files(**OFFICE))  # type: ignore[arg-type]
    await a_day(desk, 3, leads=20)
    before = desk.config.current.version
    other = await desk.publish(files({"ben": 1, "cleo": 1}, calendar="always"))
    page = tmp_path / "page.html"
    period = ("--since", f"{START:%Y-%m-%dT%H:%M:%S}", "--until", f"{END:%Y-%m-%dT%H:%M:%S}")
    where = ("--postgres", postgres_dsn, *period, "--json")
    shown = ("--html", str(page), "--moves", "2")
    code, out = await command(capsys, "simulate", "--version", other, *shown, *where)
    made = json.loads(out)
    assert code == 0
    assert made["leads"] == 20
    assert made["different"] > 0
    assert len(made["moves"]) == 2
    assert {row["name"] for row in made["reps"]} >= {"ben", "cleo"}
    ana = next(row for row in made["reps"] if row["name"] == "ana")
    assert (ana["new"], ana["old"] > 0) == (0, True)
    assert made["holds"]["new"]["count"] == 0 < made["holds"]["old"]["count"]
    drawn = page.read_text()
    assert drawn.count("<svg") == 4
    assert "http" not in drawn, "it asks nothing of any other place"
    code, out = await command(capsys, "config", "diff", before, other, "--decisions", *where)
    made = json.loads(out)
    assert (code, made["old"], made["new"]) == (0, before, other)
    assert made["different"] > 0


async def test_what_if_somebody_is_away_next_week(
    open_desk: OpenDesk, postgres_dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    desk = await open_desk(files({"ana": 1, "ben": 2}))
    now = datetime.now(UTC)
    desk.now = now - timedelta(days=now.weekday() + 7)
    await desk.route(*many(30, at=desk.now))
    code, out = await command(
        capsys, "simulate", "--postgres", postgres_dsn, "--what-if", "ana away next week", "--json"
    )
    made = json.loads(out)
    assert code == 0
    assert made["leads"] == 30
    shares = {row["name"]: (row["old"], row["new"]) for row in made["reps"]}
    assert shares["ana"] == (10, 0)
    assert shares["ben"] == (20, 30)
    code, _ = await command(
        capsys, "simulate", "--postgres", postgres_dsn, "--what-if", "anna away next week"
    )
    assert code == 2
