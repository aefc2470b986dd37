"""Builds the response service: three stages, the timer, and what tells how far was read."""

from __future__ import annotations

from typing import Final, TypeVar

from schemas.activity import ActivityRecorded
from schemas.assignment import AssignmentChanged
from schemas.base import Event, Lane
from schemas.people import PersonChanged
from schemas.topics import ACTIVITIES, ASSIGNMENTS, PEOPLE, TopicSpec
from services.response.config import parse
from services.response.events import SERVICE
from services.response.handlers import (
    ACTIVITIES_STAGE,
    PEOPLE_STAGE,
    STAGE,
    Activities,
    Assignments,
    People,
)
from services.response.measures import Meters
from services.response.progress import Progress
from services.response.store import erasing
from services.response.timer import Timer
from services.response.touring import Touring
from services.runtime import erasure
from services.runtime.service import Context
from services.runtime.stage import Handler, StageSpec

E = TypeVar("E", bound=Event)
_REST_S: Final = 0.1
"""Clocks run for minutes."""


async def build(ctx: Context) -> None:
    """Declare what this process does; the shell starts it."""
    config = await ctx.config(parse)
    scale = ctx.settings.clock_scale
    pool = await ctx.pool(Lane.LIVE)
    outbox = ctx.outbox("response", Lane.LIVE)
    meters = Meters(ctx.metrics, scale)
    assignments = Assignments(outbox, config, meters, scale)
    activities = Activities(outbox, config, meters)
    people = People(pool)
    lane = ctx.lane(Lane.LIVE)
    reading = [
        lane.add(_stage(STAGE, ASSIGNMENTS, AssignmentChanged, assignments.handle)),
        lane.add(_stage(ACTIVITIES_STAGE, ACTIVITIES, ActivityRecorded, activities.handle)),
    ]
    lane.add(_stage(PEOPLE_STAGE, PEOPLE, PersonChanged, people.handle))
    lane.add(erasure.stage(SERVICE, outbox, erasing.forget, lane=Lane.LIVE))
    ctx.task("progress", Progress(pool, reading).run)
    ctx.task("touring", Touring(pool, outbox, config, meters, scale).run)
    ctx.task("timer", Timer(pool, outbox, config, meters, activities, scale).run)


def _stage(name: str, topic: TopicSpec, model: type[E], handler: Handler[E]) -> StageSpec[E]:
    """Stages publish nothing: what the clocks ask for goes through the timer's outbox."""
    return StageSpec(
        name=name,
        service=SERVICE,
        lane=Lane.LIVE,
        inputs=(topic,),
        model=model,
        outputs=(),
        handler=handler,
        rest_s=_REST_S,
    )
