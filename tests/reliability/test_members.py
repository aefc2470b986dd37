"""Several processes of one stage share the work; one leaves, dies or freezes, and nothing is lost.

What is on the bus in the end is judged by the checker: each submission one end, each lead one
owner, no sequence twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import ExitStack

import asyncpg
import pytest

from tests.support.pipeline import Member, Pipeline, member
from tests.support.storms import stream
from tests.support.traffic import traffic
from tests.support.waiting import PATIENCE, eventually
from tests.support.world import World, world

pytestmark = [pytest.mark.real_kafka, pytest.mark.timeout(600)]

# Two stages that decide: the jobs and merges of the one, the locks and turns of the other.
GROUPS = ("enrichment", "routing")
LEADS = 60


async def test_members_share_the_work_and_one_that_freezes_or_dies_takes_nothing_along(
    pipeline: Pipeline, run: str
) -> None:
    async with world(pipeline) as outside:
        with ExitStack() as stack:
            extras = {name: stack.enter_context(member(pipeline, name)) for name in GROUPS}
            await _members(pipeline, 2)
            async with stream(outside, f"a{run}", LEADS, per_second=20):
                pass
            await outside.settled()
            for name, extra in extras.items():
                assert _worked(extra, name) > 0, f"the second {name} had nothing to do"
            await _freeze_past_the_session(outside, extras, run)
            async with stream(outside, f"c{run}", LEADS, per_second=20) as flow:
                await flow.until(LEADS // 3)
                for extra in extras.values():
                    extra.kill()
            await outside.settled()
        await _members(pipeline, 1)


async def _freeze_past_the_session(outside: World, extras: dict[str, Member], run: str) -> None:
    """The others take over; what the frozen ones do when they wake up changes nothing."""
    pipeline = outside.pipeline
    async with stream(outside, f"b{run}", LEADS, per_second=20) as flow:
        await flow.until(LEADS // 4)
        for extra in extras.values():
            extra.freeze()
        await _members(pipeline, 1)
    report = await outside.settled()
    assert report.accepted >= 2 * LEADS
    for extra in extras.values():
        extra.thaw()
    await _members(pipeline, 2)
    await outside.settled()


async def test_a_member_that_leaves_hands_over_what_it_has(pipeline: Pipeline, run: str) -> None:
    async with world(pipeline) as outside:
        with ExitStack() as stack:
            extras = {name: stack.enter_context(member(pipeline, name)) for name in GROUPS}
            await _members(pipeline, 2)
            async with stream(outside, run, LEADS, per_second=20) as flow:
                await flow.until(LEADS // 3)
                codes = await asyncio.gather(
                    *(asyncio.to_thread(extra.leave) for extra in extras.values())
                )
            assert codes == [0, 0]
            report = await outside.settled()
    assert report.accepted == LEADS
    await _members(pipeline, 1)


_WAITING = """
select count(*) from pg_stat_activity
where application_name = 'handraise.routing.live' and wait_event_type = 'Lock'
"""
_HOLDING = """
select count(*) from pg_stat_activity
where application_name = 'handraise.routing.live' and state = 'idle in transaction'
  and state_change < now() - interval '1 second'
"""


@pytest.mark.long
async def test_one_that_freezes_while_it_holds_the_locks_is_not_waited_for_long(
    pipeline: Pipeline, run: str
) -> None:
    """Every lead of a pool needs the pool's row; Postgres takes it from whoever says nothing."""

    async def count(query: str) -> int:
        return int((await pipeline.rows(query))[0][0])

    async with world(pipeline) as outside:
        with member(pipeline, "routing") as extra:
            await _members(pipeline, 2, "routing")
            await outside.deliver(next(traffic(f"first{run}", 1)))
            await outside.settled()  # from here on the pool has a row
            holder = await asyncpg.connect(pipeline.dsn)
            try:
                async with holder.transaction():
                    # Both wait for the pool in mid-decision, so one is frozen in mid-decision.
                    await holder.execute("select from routing.pools for update")
                    async with stream(outside, f"a{run}", LEADS // 2, per_second=50):
                        await eventually(lambda: _at_least(count(_WAITING), 2), 30, pause=0.05)
                        extra.freeze()
            finally:
                await holder.close()
            await eventually(lambda: _at_least(count(_HOLDING), 1), 30, "the frozen one has them")
            async with stream(outside, f"b{run}", LEADS // 2, per_second=20):
                pass
            report = await outside.settled()
            assert report.accepted == LEADS + 1
            # Ten seconds of them until Postgres gives the locks back.
            assert report.slowest_s < PATIENCE * 15
            extra.thaw()
            await _members(pipeline, 2, "routing")
            await outside.settled()
    await _members(pipeline, 1, "routing")


async def _at_least(count: Awaitable[int], least: int) -> bool:
    return await count >= least


async def _members(pipeline: Pipeline, count: int, *groups: str) -> None:
    """Waits until each group has that many members and each of them partitions."""

    def shared() -> bool:
        for group in groups or GROUPS:
            places = pipeline.members(group)
            if len(places) != count or not all(places.values()):
                return False
        return True

    await eventually(lambda: asyncio.to_thread(shared), 90, f"{count} members", pause=0.2)


def _worked(extra: Member, stage: str) -> float:
    counts = extra.samples("handraise_stage_batch_records_sum")
    return sum(value for labels, value in counts.items() if f'stage="{stage}"' in labels)
