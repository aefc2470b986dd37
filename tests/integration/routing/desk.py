"""Routing on a real database: what goes in, what comes out, what is stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from schemas.activity import ActivityRecorded
from schemas.assignment import AssignmentChanged, AssignmentRequested, RequestAction
from schemas.base import Event, Lane
from schemas.cloudevents import Envelope
from schemas.score import LeadScored
from schemas.topics import ACTIVITIES, ASSIGNMENT_REQUESTS, ASSIGNMENTS, TopicSpec
from schemas.topics import scored as scored_topic
from services.routing.activities import Activities
from services.routing.answer import Request
from services.routing.config import parse
from services.routing.drain import Drain
from services.routing.handlers import Router
from services.routing.people_feed import PeopleFeed
from services.routing.plan import Plan
from services.routing.requests import Outcome, Requests
from services.routing.staff import Offboarding, Reps, Staff
from services.routing.store.sweeps import Stranded
from services.routing.sweeps import Sweeps
from services.runtime.configstore import ConfigStore, LiveConfig
from services.runtime.database import open_pool
from services.runtime.metrics import Metrics
from services.runtime.outbox import Outbox
from services.runtime.records import Output, Record
from tests.integration.routing.leads import MONDAY_NINE

SECRET = b"test"


def record(event: Event, topic: TopicSpec, id_: UUID | None = None) -> Record[Any]:
    """As the stage runner hands it over."""
    envelope = Envelope(
        id=id_ or uuid4(), type=event.TYPE, source="/test", subject=event.subject, time=MONDAY_NINE
    )
    return Record(event, envelope, topic.name, 0, 0, b"k", event.encode(), envelope.to_headers())


def read(outputs: Iterable[Output]) -> list[AssignmentChanged]:
    """The events of assignments.v1 among these outputs."""
    return [AssignmentChanged.read(o.value) for o in outputs if o.topic == ASSIGNMENTS.name]


class Desk:
    """One routing process without its broker."""

    def __init__(self, pool: asyncpg.Pool, config: LiveConfig[Plan]) -> None:
        self.now = MONDAY_NINE
        self.pool = pool
        self.config = config
        self.metrics = Metrics()
        self.published: list[Output] = []
        self.woken = 0
        self.outbox = Outbox("routing", pool, self._publish, self.metrics)
        common = (self.outbox, config, self.clock, self.metrics)
        self.routers = {lane: Router(lane, *common, self._wake) for lane in Lane}
        self.requests = Requests(pool, *common, self._wake)
        self.drain = Drain(pool, *common)
        self.activities = Activities(pool, *common, SECRET)
        self.sweeps = Sweeps(pool, *common, self.activities.again)
        self.people = PeopleFeed(pool, self.outbox, config, self.clock)
        reps = Reps(pool, self.outbox, config, self.clock)
        self.staff = Staff(reps, Offboarding(reps, self.requests))

    @classmethod
    async def open(cls, dsn: str, files: Mapping[str, str], size: int = 4) -> Desk:
        """A process of its own on the database; the first one's files become active."""
        pool = await open_pool(dsn, size=size, name="test.routing")
        async with pool.acquire() as connection:
            await ConfigStore().seed(connection, files)
        config = LiveConfig(pool, parse)
        await config.start()
        return cls(pool, config)

    async def close(self) -> None:
        await self.config.stop()
        self.pool.terminate()

    def clock(self) -> datetime:
        return self.now

    def later(self, **duration: float) -> None:
        self.now += timedelta(**duration)

    async def publish(self, files: Mapping[str, str]) -> str:
        """Another configuration becomes active."""
        async with self.pool.acquire() as connection:
            return await ConfigStore().publish(connection, files, "test", "")

    async def route(
        self, *events: LeadScored, lane: Lane = Lane.LIVE, ids: Sequence[UUID] | None = None
    ) -> list[AssignmentChanged]:
        """One batch through the stage; measured as if acknowledged."""
        given = ids or [uuid4() for _ in events]
        records = [
            record(event, scored_topic(lane), id_) for event, id_ in zip(events, given, strict=True)
        ]
        return read(await self.outputs(records, lane))

    async def outputs(self, records: Sequence[Record[LeadScored]], lane: Lane) -> list[Output]:
        router = self.routers[lane]
        made = list(await router.handle(records))
        router.acknowledged(made)
        self.published += made
        return made

    async def ask(self, *requests: AssignmentRequested) -> list[AssignmentChanged]:
        """One batch through the requests stage."""
        records = [record(request, ASSIGNMENT_REQUESTS) for request in requests]
        made = list(await self.requests.handle(records))
        self.requests.acknowledged(made)
        self.published += made
        return read(made)

    async def happens(self, *events: ActivityRecorded) -> list[AssignmentChanged]:
        """One batch through the activities stage."""
        made = list(await self.activities.handle([record(one, ACTIVITIES) for one in events]))
        self.activities.acknowledged(made)
        self.published += made
        return read(made)

    async def swept(self) -> tuple[Stranded, list[AssignmentChanged]]:
        """One pass of the sweeps: what it found stranded, and what it published."""
        before = len(self.published)
        found = await self.sweeps.once()
        return found, read(self.published[before:])

    async def act(self, assignment_id: UUID, action: str, rep: str | None) -> Outcome | None:
        """As over HTTP."""
        return await self.requests.now(assignment_id, Request(RequestAction(action), rep))

    async def drained(self) -> list[AssignmentChanged]:
        """One pass of the drain: what it published."""
        before = len(self.published)
        await self.drain.once()
        return read(self.published[before:])

    async def paused(self, *reps: str) -> None:
        """These are paused by command, and nobody else."""
        await self.pool.execute(
            "update routing.rep_changes set superseded_at = now(), superseded_by = 'test'"
            " where superseded_at is null"
        )
        await self.pool.execute(
            "insert into routing.rep_changes"
            " (rep_id, kind, value, valid_from, recorded_at, by, note)"
            " select unnest($1::text[]), 'pause', '{}', $2, $2, 'test', ''",
            list(reps),
            self.now,
        )

    async def fetch(self, query: str, *args: object) -> list[dict[str, Any]]:
        return [dict(row) for row in await self.pool.fetch(query, *args)]

    async def fairness(self, pool: str = "desk") -> dict[str, tuple[int, float]]:
        """Count and deviation of each member, over all tiers."""
        rows = await self.fetch(
            "select member, sum(count)::int as count, sum(deviation)::float8 as deviation"
            " from routing.fairness where pool = $1 group by member",
            pool,
        )
        return {row["member"]: (row["count"], row["deviation"]) for row in rows}

    async def _publish(self, outputs: Sequence[Output]) -> None:
        self.published += outputs

    def _wake(self) -> None:
        self.woken += 1
