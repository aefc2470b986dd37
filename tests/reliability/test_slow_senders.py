"""Two thousand idle sockets and hundreds of slow senders beside people who only want an answer.

How long these wait, against when they are alone, `make bench-slow` measures.
"""

from __future__ import annotations

import pytest

from services.runtime.connections import BODY_SECONDS, HEADER_SECONDS
from tests.support import used
from tests.support.pipeline import Pipeline
from tests.support.slow_senders import IDLE, SLOW_BODIES, SLOW_HEADERS, good, slow_senders
from tests.support.traffic import traffic
from tests.support.world import world

pytestmark = [pytest.mark.real_kafka]

RATE, SECONDS = 50, 25
GRACE_S = 12.0
"""For a machine on which the senders, the server, Kafka and Postgres share two cores; with it they
are cut long before the good ones are done."""


def p99(found: list[tuple[int, float]]) -> float:
    return sorted(seconds for _, seconds in found)[int(len(found) * 0.99)]


async def test_slow_and_idle_ones_are_cut_and_cost_nobody_an_answer(
    pipeline: Pipeline, run: str
) -> None:
    requests = list(traffic(run, RATE * SECONDS))
    async with world(pipeline) as outside:
        with slow_senders(pipeline.up.http) as slow:
            beside = await good(pipeline, requests, RATE)
        used.note(
            "Good p99",
            f"{1000 * p99(beside):.0f} ms beside {IDLE} idle, {SLOW_HEADERS + SLOW_BODIES} slow",
        )
        await outside.settled()
    assert {status for status, _ in beside} == {200}
    for kind, deadline in (
        ("idle", HEADER_SECONDS), ("headers", HEADER_SECONDS), ("bodies", BODY_SECONDS),
    ):  # fmt: skip
        assert slow[kind]["cut"] > 0, f"none of the {kind} was cut"
        assert slow[kind]["longest"] < deadline + GRACE_S, (kind, slow)
