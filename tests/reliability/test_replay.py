"""Everything once more from offset zero: no new decision, the same bytes."""

from __future__ import annotations

import pytest

from schemas.topics import PARTITIONS
from tests.support.pipeline import Pipeline
from tests.support.storms import replay_from_zero, stream
from tests.support.world import World, world

pytestmark = [pytest.mark.real_kafka, pytest.mark.timeout(600)]

LEADS = 40
STAGES = {"enrichment": "leads.captured", "routing": "leads.scored"}


async def test_a_replay_from_the_first_record_decides_nothing_anew(
    pipeline: Pipeline, run: str
) -> None:
    groups = {
        f"{name}{lane}": (f"{stem}{lane}.v1", PARTITIONS)
        for name, stem in STAGES.items()
        for lane in ("", ".bulk")
    }
    async with world(pipeline) as outside:
        async with stream(outside, run, LEADS, per_second=25):
            pass
        await outside.settled()
        before, records = await _decided(outside), len(outside.bus.of("assignments.v1"))
        await replay_from_zero(pipeline, list(STAGES), groups)
        report = await outside.settled()
        assert await _decided(outside) == before
        # It did read everything again, and said again what it had said.
        assert len(outside.bus.of("assignments.v1")) >= 2 * records
        assert report.repeats >= records


async def _decided(outside: World) -> tuple[object, ...]:
    """What the world knows, by event id; who owns what; how many decisions were ever made."""
    told: dict[str | None, object] = {}
    for seen in outside.bus.of("assignments.v1"):
        told.setdefault(seen.header("ce_id"), (seen.key, seen.value))
    rows = await outside.pipeline.rows("select count(*) from routing.history")
    return told, frozenset(await outside.pipeline.active()), rows[0][0]
