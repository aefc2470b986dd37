"""The delivery service on a real database, without its broker."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID, uuid4, uuid5

import asyncpg
import yaml

from schemas.activity import ActivityRecorded
from schemas.assignment import AssignmentChanged, AssignmentRequested
from schemas.base import NAMESPACE
from schemas.cloudevents import Envelope
from schemas.people import PersonChanged
from schemas.topics import ACTIVITIES, ASSIGNMENT_REQUESTS, ASSIGNMENTS, PEOPLE, TOUCHES
from schemas.touch import TouchDue
from services.delivery.acting import Acting
from services.delivery.composing import Composer
from services.delivery.config import DeliveryFile, parse
from services.delivery.following import Following
from services.delivery.handlers import Directory, Dispatcher, Reminders, Unsubscribing
from services.delivery.logins import StoredLogins
from services.delivery.persons import persons_of
from services.delivery.sinks.registry import Registry
from services.delivery.tokens import Tokens
from services.delivery.worker import Parts
from services.delivery.workers import Workers
from services.runtime.database import open_pool
from services.runtime.metrics import Metrics
from services.runtime.outbox import Outbox
from services.runtime.records import Output, Record
from tests.support.examples import good
from tests.support.tasks import beside

SECRETS = {
    "HOOK": [b"whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", b"whsec_b2xkIHNlY3JldA=="],
    "BOT": [b"xoxb-token"],
    "SIGNING": [b"signing"],
    "HUBSPOT": [b"pat-token"],
    "SALESFORCE": [b"client-secret"],
    "SMTP": [b"password"],
    "SALESLOFT": [b"ak_key"],
    "OUTREACH_CLIENT": [b"client-secret"],
    "OUTREACH": [b"refresh-0"],
}
HERE = ["127.0.0.1/32"]
KEY = b"an installation's secret of 32 bytes!"


def now() -> datetime:
    return datetime.now(UTC)


def webhook(url: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "webhook", "url": f"{url}/in", "secret": "HOOK", "allow_networks": HERE,
        "timeout_ms": 500, "rate": {"calls": 1000}, **more,
    }  # fmt: skip


def slack(url: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "slack", "token": "BOT", "signing_secret": "SIGNING", "base_url": f"{url}/api",
        "channel": "#leads", "allow_networks": HERE, "timeout_ms": 500, "rate": {"calls": 1000},
        "per_channel": None,
        **more,
    }  # fmt: skip


@dataclass
class Office:
    """One process of the service."""

    pool: asyncpg.Pool
    config: DeliveryFile
    published: list[AssignmentRequested] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.metrics = Metrics()
        self.tokens = Tokens(KEY)
        self.outbox = Outbox("delivery", self.pool, self._publish, self.metrics)
        composer = Composer(lambda: self.config, self.tokens, lambda: "http://me", now)
        parts = Parts(
            self.pool,
            composer,
            Following(self.outbox, now),
            self.metrics,
            now,
            partial(persons_of, KEY),
        )
        self.logins = StoredLogins(self.pool, b"an installation's secret", now)
        registry = Registry(SECRETS, now, self.logins)
        self.workers = Workers(lambda: self.config, registry, parts)
        self.dispatcher = Dispatcher(self.outbox, lambda: self.config, self.workers.wake)
        self.reminders = Reminders(self.outbox, lambda: self.config, self.workers.wake)
        self.unsubscribing = Unsubscribing(self.outbox, KEY)
        self.acting = Acting(self.pool, self.outbox, now)

    async def tell(self, *events: AssignmentChanged) -> None:
        """One batch of assignments.v1."""
        await self.dispatcher.handle([_record(event) for event in events])

    async def remind(self, *touches: TouchDue) -> None:
        """One batch of touches.v1."""
        await self.reminders.handle([_record_of_touch(touch) for touch in touches])

    async def meet(self, rep: str, **fields: Any) -> None:
        """A person of people.v1."""
        person = PersonChanged.read(good("person.changed.v1", "working"))
        person = person.model_copy(update={"rep_id": rep, "changed_at": now(), **fields})
        await Directory(self.pool).handle([_of(person, now(), PEOPLE.name, uuid4())])

    async def hear(self, *activities: ActivityRecorded) -> None:
        """One batch of activities.v1."""
        records = [_of(one, one.occurred_at, ACTIVITIES.name, uuid4()) for one in activities]
        await self.unsubscribing.handle(records)

    async def rows(self, query: str, *arguments: object) -> list[dict[str, Any]]:
        return [dict(row) for row in await self.pool.fetch(query, *arguments)]

    async def states(self) -> dict[tuple[str, int | None], tuple[str, str | None]]:
        """(sink, sequence) -> state and reason; a reminder has no sequence."""
        rows = await self.rows("select sink, sequence, state, reason from delivery.deliveries")
        return {(row["sink"], row["sequence"]): (row["state"], row["reason"]) for row in rows}

    async def due(self) -> None:
        """What was put off is due now."""
        await self.pool.execute("update delivery.deliveries set due_at = clock_timestamp()")
        self.workers.wake()

    async def _publish(self, outputs: Sequence[Output]) -> None:
        for out in outputs:
            if out.topic == ASSIGNMENT_REQUESTS.name:
                self.published.append(AssignmentRequested.read(out.value))


def _record(event: AssignmentChanged) -> Record[AssignmentChanged]:
    return _of(event, event.decided_at, ASSIGNMENTS.name, uuid4())


def _record_of_touch(touch: TouchDue) -> Record[TouchDue]:
    name = f"{touch.assignment_id} {touch.step} {touch.ended} {touch.audience} {touch.note}"
    return _of(touch, touch.due_at, TOUCHES.name, uuid5(NAMESPACE, name))


def _of(event: Any, at: datetime, topic: str, id_: UUID) -> Record[Any]:
    envelope = Envelope(id=id_, type=event.TYPE, source="/test", subject=event.subject, time=at)
    return Record(event, envelope, topic, 0, 0, b"k", event.encode(), envelope.to_headers())


def configured(sinks: Mapping[str, Mapping[str, Any]]) -> DeliveryFile:
    return parse({"delivery.yaml": yaml.safe_dump({"sinks": dict(sinks)})})


@asynccontextmanager
async def office(dsn: str, sinks: Mapping[str, Mapping[str, Any]]) -> AsyncIterator[Office]:
    """A process that works until the block ends."""
    pool = await open_pool(dsn, size=6, name="test.delivery")
    it = Office(pool, configured(sinks))
    try:
        async with beside(it.workers.run()):
            yield it
    finally:
        pool.terminate()
