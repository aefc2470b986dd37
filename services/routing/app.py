"""Builds the routing service: both lanes, requests, the drain, the people feed, its routes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Final

import asyncpg

from schemas.account import AccountChanged
from schemas.activity import ActivityRecorded, is_page_view
from schemas.assignment import AssignmentRequested
from schemas.base import Lane
from schemas.score import LeadScored
from schemas.topics import (
    ACCOUNTS,
    ACTIVITIES,
    ASSIGNMENT_REQUESTS,
    ASSIGNMENTS,
    ASSIGNMENTS_CURRENT,
    scored,
)
from services.routing import (
    accounts_http,
    claims_http,
    config_http,
    experiments_http,
    fairness_http,
    merge_http,
    review_http,
    territories_http,
)
from services.routing.accounts import Accounts
from services.routing.accounts_feed import STAGE as ACCOUNTS_STAGE
from services.routing.accounts_feed import AccountsFeed
from services.routing.activities import STAGE as ACTIVITY_STAGE
from services.routing.activities import Activities
from services.routing.config import parse
from services.routing.deciding import Clock
from services.routing.drain import Drain
from services.routing.events import SERVICE
from services.routing.handlers import NAMES, Router
from services.routing.http import router
from services.routing.leave_feed import LeaveFeeds
from services.routing.mending import mending
from services.routing.merging import Merging
from services.routing.people_feed import PeopleFeed
from services.routing.plan import Plan
from services.routing.requests import STAGE, Requests
from services.routing.staff import Offboarding, Reps, Staff
from services.routing.staff.realigning import Realigning
from services.routing.store import erasing, history
from services.routing.sweeps import Sweeps
from services.runtime import erasure
from services.runtime.apart import Apart, Bounds
from services.runtime.configstore import LiveConfig
from services.runtime.installation import LEAD_ID_KEY
from services.runtime.jobs import Jobs
from services.runtime.jobs_sql import JobStore
from services.runtime.outbox import Outbox
from services.runtime.service import Context
from services.runtime.stage import StageSpec

_MOST_RECORDS: Final = {Lane.LIVE: 500, Lane.BULK: 50}
_QUICK: Final = Bounds(seconds=60, megabytes=2_048)
"""Whoever asked waits for it. A check takes a second or two."""
_LONG: Final = Bounds(seconds=900, megabytes=8_192)
"""A simulation of 100,000 leads takes under half a minute and 500 MB."""
_CALENDAR: Final = Bounds(seconds=60, megabytes=2_048)
_OUTPUTS: Final = (ASSIGNMENTS, ASSIGNMENTS_CURRENT)


async def build(ctx: Context) -> None:
    """Declare what this process does; the shell starts it."""
    config = await ctx.config(parse)
    clock = clock_of(ctx.settings.clock_scale)
    pools = {lane: await ctx.pool(lane) for lane in Lane}
    boxes = {lane: ctx.outbox("routing", lane) for lane in Lane}
    live, box = pools[Lane.LIVE], boxes[Lane.LIVE]
    drain = Drain(live, box, config, clock, ctx.metrics)
    requests = Requests(live, box, config, clock, ctx.metrics, drain.wake)
    _lanes(ctx, boxes, config, clock, drain.wake)
    ctx.lane(Lane.LIVE).add(
        StageSpec(
            name=STAGE,
            service=SERVICE,
            lane=Lane.LIVE,
            inputs=(ASSIGNMENT_REQUESTS,),
            model=AssignmentRequested,
            outputs=_OUTPUTS,
            handler=requests.handle,
            on_acknowledged=requests.acknowledged,
        )
    )
    activities = _activities(ctx, live, box, config, clock)
    _unhurried(ctx, boxes[Lane.BULK])
    reps = Reps(live, box, config, clock)
    _serve(ctx, live, requests, reps, Accounts(live, config))
    _operating(ctx, config, clock, requests, Merging(live, box, config, clock, ctx.metrics))
    sweeps = Sweeps(live, box, config, clock, ctx.metrics, activities.again)
    ctx.task("drain", drain.run)
    ctx.task("sweeps", sweeps.run)
    ctx.task("leave", _calendars(ctx, reps, config).run)
    ctx.task("people", PeopleFeed(live, box, config, clock).run)


def _lanes(
    ctx: Context,
    boxes: Mapping[Lane, Outbox],
    config: LiveConfig[Plan],
    clock: Clock,
    wake: Callable[[], None],
) -> None:
    """What is submitted, on both lanes."""
    for lane in Lane:
        routing = Router(lane, boxes[lane], config, clock, ctx.metrics, wake)
        ctx.lane(lane).add(
            StageSpec(
                name=NAMES[lane],
                service=SERVICE,
                lane=lane,
                inputs=(scored(lane),),
                model=LeadScored,
                outputs=_OUTPUTS,
                handler=routing.handle,
                max_records=_MOST_RECORDS[lane],
                on_acknowledged=routing.acknowledged,
            )
        )


def _unhurried(ctx: Context, box: Outbox) -> None:
    """What nobody waits for: accounts as CRMs tell of them, and who is to be forgotten."""
    ctx.lane(Lane.BULK).add(
        StageSpec(
            name=ACCOUNTS_STAGE,
            service=SERVICE,
            lane=Lane.BULK,
            inputs=(ACCOUNTS,),
            model=AccountChanged,
            outputs=(),
            handler=AccountsFeed(box).handle,
        )
    )
    ctx.lane(Lane.BULK).add(
        erasure.stage(SERVICE, box, erasing.forget, outputs=(ASSIGNMENTS_CURRENT,))
    )


def _activities(
    ctx: Context, pool: asyncpg.Pool, box: Outbox, config: LiveConfig[Plan], clock: Clock
) -> Activities:
    """What sales and buyers do; of few kinds, so the live lane reads them all."""
    secret = ctx.secrets.get(LEAD_ID_KEY)[0]
    activities = Activities(pool, box, config, clock, ctx.metrics, secret)
    ctx.lane(Lane.LIVE).add(
        StageSpec(
            name=ACTIVITY_STAGE,
            service=SERVICE,
            lane=Lane.LIVE,
            inputs=(ACTIVITIES,),
            model=ActivityRecorded,
            outputs=_OUTPUTS,
            handler=activities.handle,
            passes_over=is_page_view,
            on_acknowledged=activities.acknowledged,
        )
    )
    return activities


def _serve(
    ctx: Context, live: asyncpg.Pool, requests: Requests, reps: Reps, accounts: Accounts
) -> None:
    staff = Staff(reps, Offboarding(reps, requests))
    ctx.app.state.max_body = accounts_http.MAX_IMPORT
    ctx.app.include_router(router(requests.now, partial(history.of_lead, live), staff))
    ctx.app.include_router(accounts_http.router(accounts))
    ctx.app.include_router(fairness_http.router(live))


def _reviewing(ctx: Context, live: asyncpg.Pool, requests: Requests) -> None:
    """What keeps a core busy, in processes of its own."""
    postgres = ctx.settings.postgres
    ctx.app.include_router(config_http.router(live, Apart(postgres, _QUICK, at_once=2)))
    mend = {review_http.CORRECTION.kind: mending(requests.now)}
    jobs = Jobs(JobStore(live, "routing"), Apart(postgres, _LONG, at_once=1), mend)
    ctx.app.include_router(review_http.router(jobs))
    ctx.task("jobs", jobs.run)


def _calendars(ctx: Context, reps: Reps, config: LiveConfig[Plan]) -> LeaveFeeds:
    """What people's own calendars say, read in a process of its own."""
    apart = Apart(ctx.settings.postgres, _CALENDAR, at_once=1)
    return LeaveFeeds(reps, config, apart, ctx.secrets)


def _lists(ctx: Context, live: asyncpg.Pool, config: LiveConfig[Plan]) -> None:
    """What is only read, and asks for the active configuration."""
    ctx.app.include_router(experiments_http.router(live, config))
    ctx.app.include_router(claims_http.router(live, config))


def _operating(
    ctx: Context, config: LiveConfig[Plan], clock: Clock, requests: Requests, merging: Merging
) -> None:
    """What revenue operations does with many leads, and with two that are one."""
    live = merging.pool
    _lists(ctx, live, config)
    _reviewing(ctx, live, requests)
    realigning = Realigning(live, config, clock, requests)
    ctx.app.include_router(territories_http.router(live, realigning))
    ctx.app.include_router(merge_http.router(merging))


def clock_of(scale: float) -> Clock:
    """The clock that decides: real, or running ``scale`` times as fast from now on."""
    if scale == 1.0:
        return lambda: datetime.now(UTC)
    start = datetime.now(UTC)
    return lambda: start + (datetime.now(UTC) - start) * scale
