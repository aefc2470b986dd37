"""One response process on a real database, with what it publishes in a list.

Time passes by moving what is stored into the past: the service goes by the database's clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from schemas.activity import ActivityName, ActivityRecorded, Actor
from schemas.assignment import AssignmentChanged, AssignmentRequested
from schemas.base import Event
from schemas.cloudevents import Envelope
from schemas.people import PersonChanged
from schemas.topics import ACTIVITIES, ASSIGNMENT_REQUESTS, ASSIGNMENTS, PEOPLE, TOUCHES, TopicSpec
from schemas.touch import TouchDue
from services.response.config import parse
from services.response.handlers import Activities, Assignments, People
from services.response.measures import Meters
from services.response.policy import Policy
from services.response.store import feeds
from services.response.timer import Timer
from services.response.touring import Touring
from services.runtime.configstore import ConfigStore, LiveConfig
from services.runtime.database import open_pool
from services.runtime.metrics import Metrics
from services.runtime.outbox import Outbox
from services.runtime.records import Output, Record

TEAMS = """
reps:
  - {id: ana, name: Ana Ruiz, email: ana@desk.example, role: sdr, time_zone: UTC, calendar: always}
  - {id: ben, name: Ben Okoro, email: ben@desk.example, role: sdr, time_zone: UTC, calendar: always}
  - {id: eve, name: Eve Lind, email: eve@desk.example, role: sdr, time_zone: UTC, calendar: always}
pools:
  - {id: desk, role: sdr, members: [ana, ben]}
"""
CALENDARS = """
calendars:
  always: {hours: {every_day: "00:00-24:00"}}
"""
RESPONSE = """
time: wall_clock
hops: 1
tiers:
  hot: {reminder: 3m, breach: 5m, escalation: 20m}
  warm: {acceptance: 30m, reminder: 3h, breach: 4h}
"""


_TIMES = (
    ("clocks", ("started_at", "due_at", "try_at"), "state = 'running'"),
    (
        "leads",
        ("raised_at", "given_at", "opens_at", "accepted_at", "touched_at", "escalates_at"),
        "true",
    ),
    ("feed", ("occurred_at",), "true"),
    ("enrolments", ("started_at", "due_at"), "true"),
)


def files(response: str = RESPONSE, calendars: str = CALENDARS) -> dict[str, str]:
    return {"teams.yaml": TEAMS, "calendars.yaml": calendars, "response.yaml": response}


def record(event: Event, topic: TopicSpec, id_: UUID | None = None) -> Record[Any]:
    """As the stage runner hands it over."""
    envelope = Envelope(
        id=id_ or uuid4(),
        type=event.TYPE,
        source="/test",
        subject=event.subject,
        time=datetime.now(UTC),
    )
    return Record(event, envelope, topic.name, 0, 0, b"k", event.encode(), envelope.to_headers())


class Desk:
    """One response process without its broker."""

    def __init__(self, pool: asyncpg.Pool, config: LiveConfig[Policy], scale: float = 1.0) -> None:
        self.pool = pool
        self.config = config
        self.metrics = Metrics()
        self.published: list[Output] = []
        self.outbox = Outbox("response", pool, self._publish, self.metrics)
        meters = Meters(self.metrics, scale)
        self.assignments = Assignments(self.outbox, config, meters, scale)
        self.activities = Activities(self.outbox, config, meters)
        self.people = People(pool)
        self.timer = Timer(pool, self.outbox, config, meters, self.activities, scale)
        self.touring = Touring(pool, self.outbox, config, meters, scale)

    @classmethod
    async def open(cls, dsn: str, given: Mapping[str, str], scale: float = 1.0) -> Desk:
        """A process of its own on the database; the first one's files become active."""
        pool = await open_pool(dsn, size=4, name="test.response")
        async with pool.acquire() as connection:
            await ConfigStore().seed(connection, given)
        config = LiveConfig(pool, parse)
        await config.start()
        return cls(pool, config, scale)

    async def close(self) -> None:
        await self.config.stop()
        self.pool.terminate()

    # -- what comes in -----------------------------------------------------------------------
    async def hear(self, *events: AssignmentChanged, ids: Sequence[UUID] = ()) -> None:
        """One batch of assignments.v1."""
        given = ids or [uuid4() for _ in events]
        records = [record(e, ASSIGNMENTS, id_) for e, id_ in zip(events, given, strict=True)]
        assert list(await self.assignments.handle(records)) == []

    async def happens(self, *events: ActivityRecorded, ids: Sequence[UUID] = ()) -> None:
        """One batch of activities.v1."""
        given = ids or [uuid4() for _ in events]
        await self.activities.handle(
            [record(e, ACTIVITIES, id_) for e, id_ in zip(events, given, strict=True)]
        )

    async def meet(self, *events: PersonChanged) -> None:
        """One batch of people.v1."""
        await self.people.handle([record(event, PEOPLE) for event in events])

    async def read_up(self, topic: str = ASSIGNMENTS.name) -> None:
        """Everything that was told until now has been handled."""
        async with self.pool.acquire() as connection:
            now = await feeds.database_time(connection)
            await feeds.read(connection, {(topic, 0): now})

    # -- time --------------------------------------------------------------------------------
    async def later(self, **duration: float) -> None:
        """So much time passes, and everything was read meanwhile."""
        by = timedelta(**duration)
        for table, columns, where in _TIMES:
            moved = ", ".join(f"{name} = {name} - $1::interval" for name in columns)
            await self.pool.execute(f"update response.{table} set {moved} where {where}", by)
        await self.read_up()

    async def fire(self) -> list[Output]:
        """Everything that is due now: what was published."""
        before = len(self.published)
        await self.timer.opening()
        await self.timer.fresh()
        await self.timer.overdue()
        return self.published[before:]

    async def asked(self) -> list[tuple[str, str]]:
        """Fire; what routing was asked for: action and reason."""
        found = [
            AssignmentRequested.read(out.value)
            for out in await self.fire()
            if out.topic == ASSIGNMENT_REQUESTS.name
        ]
        return [(one.action.value, one.reason) for one in found]

    async def told(self) -> list[tuple[str, str]]:
        """Fire; who was told what: reason and audience."""
        found = [TouchDue.read(out.value) for out in await self.fire() if out.topic == TOUCHES.name]
        return [(one.reason.value, one.audience.value) for one in found]

    # -- what there is -----------------------------------------------------------------------
    async def running(self, lead_id: UUID) -> dict[str, float]:
        """Kind of each running clock, and in how many seconds it is due."""
        rows = await self.pool.fetch(
            "select kind, extract(epoch from due_at - clock_timestamp())::float8 as due"
            " from response.running where lead_id = $1 and kind <> 'measure'",
            lead_id,
        )
        return {row["kind"]: row["due"] for row in rows}

    async def phase(self, lead_id: UUID) -> str:
        return str(
            await self.pool.fetchval("select phase from response.leads where lead_id = $1", lead_id)
        )

    async def story(self, lead_id: UUID) -> list[str]:
        rows = await self.pool.fetch(
            "select what from response.story where lead_id = $1 order by at, id", lead_id
        )
        return [row["what"] for row in rows]

    def sample(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0

    async def _publish(self, outputs: Sequence[Output]) -> None:
        self.published += outputs


def activity(
    lead_id: UUID | None = None,
    name: ActivityName = ActivityName.CALL_CONNECTED,
    *,
    actor: Actor = Actor.HUMAN,
    ago: timedelta = timedelta(),
    **names: Any,
) -> ActivityRecorded:
    """Something that happened ``ago``."""
    at = datetime.now(UTC) - ago
    return ActivityRecorded(
        activity=name, occurred_at=at, received_at=at, actor=actor, lead_id=lead_id, **names
    )
