"""Builds the routing service: both lanes, requests, the drain, the people feed, its routes."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import Final

import asyncpg

from schemas.assignment import AssignmentRequested
from schemas.base import Lane
from schemas.score import LeadScored
from schemas.topics import ASSIGNMENT_REQUESTS, ASSIGNMENTS, ASSIGNMENTS_CURRENT, scored
from services.routing import accounts_http
from services.routing.accounts import Accounts
from services.routing.config import parse
from services.routing.deciding import Clock
from services.routing.drain import Drain
from services.routing.events import SERVICE
from services.routing.handlers import NAMES, Router
from services.routing.http import router
from services.routing.people_feed import PeopleFeed
from services.routing.requests import STAGE, Requests
from services.routing.staff import Offboarding, Reps, Staff
from services.routing.store import history
from services.runtime.service import Context
from services.runtime.stage import StageSpec

_MOST_RECORDS: Final = {Lane.LIVE: 500, Lane.BULK: 50}
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
    for lane in Lane:
        routing = Router(lane, boxes[lane], config, clock, ctx.metrics, drain.wake)
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
    _serve(ctx, live, requests, Reps(live, box, config, clock), Accounts(live, config))
    ctx.task("drain", drain.run)
    ctx.task("people", PeopleFeed(live, box, config, clock).run)


def _serve(
    ctx: Context, live: asyncpg.Pool, requests: Requests, reps: Reps, accounts: Accounts
) -> None:
    staff = Staff(reps, Offboarding(reps, requests))
    ctx.app.state.max_body = accounts_http.MAX_IMPORT
    ctx.app.include_router(router(requests.now, partial(history.of_lead, live), staff))
    ctx.app.include_router(accounts_http.router(accounts))


def clock_of(scale: float) -> Clock:
    """The clock that decides: real, or running ``scale`` times as fast from now on."""
    if scale == 1.0:
        return lambda: datetime.now(UTC)
    start = datetime.now(UTC)
    return lambda: start + (datetime.now(UTC) - start) * scale
