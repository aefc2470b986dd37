"""``kill -9`` of each service under traffic: every submission one end, every lead one owner."""

from __future__ import annotations

import pytest

from tests.support.pipeline import Pipeline
from tests.support.storms import kill_in_turn
from tests.support.traffic import traffic
from tests.support.world import world

pytestmark = [pytest.mark.real_kafka, pytest.mark.timeout(600)]

LEADS = 300


async def test_each_service_killed_in_turn_loses_nothing_and_gives_nothing_twice(
    pipeline: Pipeline, run: str
) -> None:
    assert {r.what for r in traffic(run, LEADS)} == {"new", "colleague", "returning", "double"}
    async with world(pipeline) as outside:
        report = await kill_in_turn(outside, run, LEADS, kills=4)
        turns = await pipeline.rows("select sum(count), sum(entitlement) from routing.fairness")
        owners = {row.rep_id for row in await pipeline.active()}
    # Each hand-raise is one submission, however often it was sent and whoever died meanwhile.
    assert len(outside.accepted) == report.accepted == LEADS
    assert report.ends["assigned"] > LEADS / 3
    assert report.ends["merged"] > LEADS / 10
    assert owners  # how many are at work depends on the hour
    # The turns that were given are the turns that were due.
    assert turns[0][0] == pytest.approx(float(turns[0][1]))
