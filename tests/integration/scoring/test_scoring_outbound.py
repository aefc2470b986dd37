"""Prospects get their turn day by day, the most promising first, whatever restarts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from schemas.base import KindName, Lane, Motion, TierName
from schemas.score import LeadScored
from services.runtime.configstore import Versioned
from services.runtime.metrics import Metrics
from services.scoring.config import ScoringFile
from services.scoring.drip import Dripper
from services.scoring.rules import Rules
from tests.integration.scoring.desk import AT, MODEL, VP, Desk, enriched_lead, seen

OUTBOUND = {"kind": KindName.PROSPECT, "motion": Motion.OUTBOUND, "lane": Lane.BULK}
BIG = {**VP, "headcount": 600}


def model(per_day: int | None) -> ScoringFile:
    drips = [{"pool": "sdr", "per_day": per_day, "start": "08:00"}] if per_day else []
    icp = {"company.headcount": {"gte": 50}}
    return ScoringFile.model_validate(
        {**MODEL.model_dump(mode="python"), "outbound": {"icp": icp, "drips": drips}}
    )


class Day:
    """The clock of the drips: Monday, nine in the morning, UTC."""

    def __init__(self, desk: Desk, pool: asyncpg.Pool) -> None:
        self.now, self._desk = AT, desk
        current: Callable[[], Any] = lambda: Versioned("abc123", Rules(desk.model))  # noqa: E731
        self._drippers = [Dripper(pool, current, lambda: self.now, Metrics()) for _ in range(2)]

    async def turns(self, **later: int) -> list[LeadScored]:
        self.now += timedelta(**later)
        for dripper in self._drippers:
            await dripper.step()
        return await self._desk.settle()


@pytest.fixture
def day(pool: asyncpg.Pool, desk: Desk) -> Day:
    desk.model = model(2)
    return Day(desk, pool)


async def prospects(desk: Desk, count: int, facts: dict[str, Any] = BIG) -> list[LeadScored]:
    return await desk.take(
        *(
            enriched_lead(facts, account=f"a{n}.example", minutes=n, **OUTBOUND)
            for n in range(count)
        )
    )


async def test_so_many_a_day_and_no_more(desk: Desk, day: Day) -> None:
    scored = await prospects(desk, 5)
    assert {one.tier for one in scored} == {TierName.NURTURE}
    assert {one.ledger[-1].rule for one in scored} == {"waits_for_turn:sdr"}
    first = await day.turns()
    assert [(one.tier, one.motion, one.submission_id) for one in first] == [
        (TierName.WARM, Motion.OUTBOUND, None)
    ] * 2
    assert await day.turns(hours=5) == []
    assert await day.turns(hours=12) == [], "the next day has not begun"
    assert len(await day.turns(hours=8)) == 2
    assert len(await day.turns(days=1)) == 1
    assert (
        await desk.pool.fetchval("select count(*) from scoring.drip where released_at is null") == 0
    )


async def test_several_signals_go_first_then_the_better_score(desk: Desk, day: Day) -> None:
    plain, better, signals = [one.lead.lead_id for one in await prospects(desk, 3)]
    again = enriched_lead(
        {**BIG, "industry": "Software"}, lead_id=better, revision=2, account="a1.example",
        late=True, **OUTBOUND,
    )  # fmt: skip
    await desk.take(again)
    for signal in ("job_openings", "traffic"):
        await desk.see(seen(signal, domain="a2.example", external_id=signal))
    await desk.settle()
    assert [one.lead.lead_id for one in await day.turns()] != []
    released: list[UUID] = [
        row["lead_id"]
        for row in await desk.pool.fetch(
            "select lead_id from scoring.drip where released_at is not null"
        )
    ]
    assert set(released) == {signals, better}
    assert plain not in released


async def test_who_is_outside_the_profile_stays_until_more_is_known(desk: Desk, day: Day) -> None:
    (outside,) = await prospects(desk, 1, {**VP, "headcount": 10})
    assert outside.ledger[-1].rule == "outside_profile"
    assert await day.turns() == []
    known = enriched_lead(
        BIG, lead_id=outside.lead.lead_id, revision=2, account="a0.example", late=True, **OUTBOUND
    )
    (waits,) = await desk.take(known)
    assert waits.tier is TierName.NURTURE
    assert [one.lead.lead_id for one in await day.turns()] == [outside.lead.lead_id]


async def test_a_prospect_who_asks_waits_no_longer(desk: Desk, day: Day) -> None:
    await prospects(desk, 2)
    (third,) = await prospects(desk, 1)
    (asked,) = await desk.take(
        enriched_lead(BIG, lead_id=third.lead.lead_id, revision=2, account="a0.example", minutes=9)
    )
    assert asked.tier is TierName.HOT
    given = await day.turns()
    assert third.lead.lead_id not in {one.lead.lead_id for one in given}


async def test_without_a_drip_those_who_wait_go_at_once(desk: Desk, day: Day) -> None:
    await prospects(desk, 5)
    desk.model = model(None)
    assert len(await day.turns()) == 5


def test_the_clock_of_these_tests_is_a_monday() -> None:
    assert datetime(2026, 11, 23).weekday() == AT.weekday() == 0  # noqa: DTZ001
