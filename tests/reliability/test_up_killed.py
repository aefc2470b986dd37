"""``up`` dies with everything in flight; the next start on its folder finishes what was accepted.

On the embedded default, whose broker forgets: only what Postgres has can be finished.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import psutil
import pytest

from tests.support.pipeline import Pipeline, running
from tests.support.traffic import traffic
from tests.support.waiting import eventually
from tests.support.world import World, world

pytestmark = pytest.mark.timeout(600)

LEADS = 120
_ENDS = """
select submission_id::text, count(*) from routing.history where ended is not null
group by submission_id
"""


async def test_what_was_accepted_is_finished_by_the_next_start(tmp_path: Path, run: str) -> None:
    data = tmp_path / "data"
    with running(data) as first:
        async with world(first) as outside:
            family = [*first.up.family(), psutil.Process(first.up.process.pid)]
            accepted = await _killed_in_flight(outside, run)
            assert psutil.wait_procs(family, timeout=30)[1] == []
    assert len(accepted) >= LEADS // 2
    with running(data) as second:
        async with world(second) as outside:

            async def finished() -> bool:
                ends = await _ends(second)
                return accepted <= ends.keys() and not await second.unfinished()

            await eventually(finished, 120, "an end for each", pause=0.5)
            ends = await _ends(second)
            assert {ends[submission] for submission in accepted} == {1}
            owners = [(row.lead_id, row.role) for row in await second.active()]
            assert len(owners) == len(set(owners))
            # And whoever asks now is served as ever.
            later = await outside.deliver(next(iter(traffic(f"later{run}", 1))))
            await outside.bus.first(
                "assignments.v1",
                lambda seen: (later.submission_id or "").encode() in (seen.value or b""),
            )


async def _ends(pipeline: Pipeline) -> dict[str, int]:
    """How many ends routing has told of each submission."""
    return {row["submission_id"]: row["count"] for row in await pipeline.rows(_ENDS)}


async def _killed_in_flight(outside: World, run: str) -> frozenset[str]:
    """Sends all at once and kills ``up`` when half is answered; what was answered with 200."""
    requests = list(traffic(run, LEADS))
    attempts = [asyncio.create_task(outside.attempt(request)) for request in requests]
    await eventually(lambda: len(outside.accepted) >= LEADS // 2, 60)
    outside.pipeline.up.process.kill()
    await asyncio.gather(*attempts)
    return outside.accepted
