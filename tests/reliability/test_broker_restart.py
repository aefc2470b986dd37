"""The broker goes away and comes back under traffic: answers stay quick, nothing is lost."""

from __future__ import annotations

import signal

import pytest

from tests.support.pipeline import Pipeline
from tests.support.storms import outage
from tests.support.traffic import traffic
from tests.support.waiting import PATIENCE, wait_until
from tests.support.world import world

pytestmark = [pytest.mark.real_kafka, pytest.mark.timeout(600)]

ANSWER_S = 2.5
"""1.1 s for Kafka, then 0.9 s for Postgres."""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "stopped"])
async def test_a_broker_that_restarts_is_survived(
    pipeline: Pipeline, run: str, how: signal.Signals
) -> None:
    said = pipeline.up.said.count("kafka is back")

    def take_down() -> None:
        pipeline.broker().send_signal(how)

    def bring_back() -> None:  # the supervisor does
        wait_until(lambda: pipeline.up.said.count("kafka is back") > said, 120)

    async with world(pipeline) as outside:
        seen = await outage(outside, list(traffic(run, 900)), take_down, bring_back)
    counts = seen.counts()
    assert counts.keys() <= {"200", "503"}, counts
    assert counts["200"] > 0.9 * len(seen.answers), counts
    assert seen.slowest_s < PATIENCE * ANSWER_S
