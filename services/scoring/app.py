"""Builds the scoring service: what is submitted, what happens around it, and what is due again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

import asyncpg

from schemas import topics
from schemas.activity import ActivityRecorded, lane_named
from schemas.assignment import AssignmentChanged
from schemas.base import Lane
from schemas.enrichment import LeadEnriched
from schemas.signal import SignalDetected
from services.runtime import erasure
from services.runtime.apart import Apart, Bounds
from services.runtime.configstore import LiveConfig
from services.runtime.installation import LEAD_ID_KEY
from services.runtime.jobs import Jobs
from services.runtime.jobs_sql import JobStore
from services.runtime.outbox import Outbox
from services.runtime.service import Context
from services.runtime.stage import StageSpec
from services.scoring.assignments import Assignments
from services.scoring.drip import Dripper
from services.scoring.givenup import GivenUp
from services.scoring.handlers import SERVICE, Scorer
from services.scoring.http import router
from services.scoring.recorder import Recorder
from services.scoring.recycling import Recycler
from services.scoring.rescorer import Rescorer
from services.scoring.rules import Rules, parse
from services.scoring.signals import Signals
from services.scoring.store import erasing

_REST_S: Final = 0.25
"""Of what only names are learnt from."""
_LONG: Final = Bounds(seconds=900, megabytes=8_192)
_MOST_RECORDS: Final = {Lane.LIVE: 500, Lane.BULK: 50}
_MOST_ACTIVITIES: Final = {Lane.LIVE: 500, Lane.BULK: 100}


async def build(ctx: Context) -> None:
    """Declare what this process does; the shell starts it."""
    live = await ctx.config(parse)
    secret = ctx.secrets.get(LEAD_ID_KEY)[0]
    given_up = GivenUp(ctx.metrics)
    for lane in Lane:
        pool = await ctx.pool(lane)
        outbox = ctx.outbox("scoring", lane)
        scorer = Scorer(outbox, lambda: live.current, _now, secret)
        ctx.lane(lane).add(
            StageSpec(
                name="scoring" if lane is Lane.LIVE else "scoring.bulk",
                service=SERVICE,
                lane=lane,
                inputs=(topics.enriched(lane),),
                model=LeadEnriched,
                outputs=(topics.scored(lane),),
                handler=scorer.handle,
                max_records=_MOST_RECORDS[lane],
                on_acknowledged=outbox.acknowledged,
            )
        )
        recorder = Recorder(lane, pool, outbox, lambda: live.current, _now, secret, given_up)
        ctx.lane(lane).add(
            StageSpec(
                name="scoring.activities" if lane is Lane.LIVE else "scoring.activities.bulk",
                service=SERVICE,
                lane=lane,
                inputs=(topics.ACTIVITIES,),
                model=ActivityRecorded,
                outputs=(topics.scored(lane),),
                handler=recorder.handle,
                max_records=_MOST_ACTIVITIES[lane],
                passes_over=_other_lane(lane),
                is_second_reader=lane is Lane.BULK,
                on_acknowledged=outbox.acknowledged,
            )
        )
    await _around_accounts(ctx, live, outbox, secret)
    _reviewing(ctx, await ctx.pool(Lane.BULK))


async def _around_accounts(
    ctx: Context, live: LiveConfig[Rules], outbox: Outbox, secret: bytes
) -> None:
    """What nobody waits for: signals, who was given whom, and what is due again."""
    pool = await ctx.pool(Lane.BULK)
    signals = Signals(pool, outbox, lambda: live.current, _now, secret)
    ctx.lane(Lane.BULK).add(
        StageSpec(
            name="scoring.signals",
            service=SERVICE,
            lane=Lane.BULK,
            inputs=(topics.SIGNALS,),
            model=SignalDetected,
            outputs=(topics.CAPTURED_BULK, topics.TOUCHES),
            handler=signals.handle,
            max_records=_MOST_RECORDS[Lane.BULK],
            on_acknowledged=outbox.acknowledged,
        )
    )
    ctx.lane(Lane.BULK).add(
        StageSpec(
            name="scoring.assignments",
            service=SERVICE,
            lane=Lane.BULK,
            inputs=(topics.ASSIGNMENTS,),
            model=AssignmentChanged,
            outputs=(),
            handler=Assignments(pool).handle,
            max_records=_MOST_RECORDS[Lane.BULK],
            rest_s=_REST_S,
        )
    )
    ctx.lane(Lane.BULK).add(erasure.stage(SERVICE, outbox, erasing.forget))
    ctx.task("rescorer", Rescorer(pool, outbox, lambda: live.current, _now).run)
    ctx.task("recycler", Recycler(pool, outbox, _now).run)
    ctx.task("drip", Dripper(pool, lambda: live.current, _now, ctx.metrics).run)


def _reviewing(ctx: Context, pool: asyncpg.Pool) -> None:
    """What keeps a core busy, in a process of its own."""
    apart = Apart(ctx.settings.postgres, _LONG, at_once=1)
    jobs = Jobs(JobStore(pool, "scoring"), apart)
    ctx.app.include_router(router(jobs))
    ctx.task("jobs", jobs.run)


def _other_lane(lane: Lane) -> Callable[[Sequence[tuple[str, bytes]]], bool]:
    """Whether a record is known, unread, to be the other lane's."""
    return lambda headers: lane_named(headers) not in (None, lane)


def _now() -> datetime:
    return datetime.now(UTC)
