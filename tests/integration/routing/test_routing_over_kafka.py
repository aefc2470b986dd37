"""Routing as ``app.build`` makes it: both lanes, requests, an outside reader of the bus."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from aiokafka import AIOKafkaConsumer

from schemas.assignment import AssignmentChanged, AssignmentRequested, AssignmentStatus
from schemas.assignment import RequestAction as Action
from schemas.base import Event, Lane
from schemas.people import PersonChanged
from schemas.topics import ASSIGNMENT_REQUESTS, ASSIGNMENTS, ASSIGNMENTS_CURRENT, PEOPLE, TopicSpec
from schemas.topics import scored as scored_topic
from services.routing import app
from services.runtime.broker import LaneBroker
from services.runtime.context import Context
from services.runtime.installation import LEAD_ID_KEY
from services.runtime.metrics import Metrics
from services.runtime.records import output
from services.runtime.settings import KafkaSettings, PostgresSettings, Secrets, Settings
from tests.integration.routing.leads import scored
from tests.support.hours import always_at_work
from tests.support.kafka import Broker
from tests.support.waiting import PATIENCE

S = AssignmentStatus


@asynccontextmanager
async def running(dsn: str, kafka: KafkaSettings, config: Path) -> AsyncIterator[Context]:
    settings = Settings(kafka=kafka, postgres=PostgresSettings(dsn=dsn), config=config)
    ctx = Context("routing", settings, Secrets({LEAD_ID_KEY: [b"test"]}))
    await ctx.open()
    await ctx.open_lanes()
    await app.build(ctx)
    await ctx.start()
    try:
        yield ctx
    finally:
        await ctx.stop(5.0)


async def publish(
    kafka: KafkaSettings, lane: Lane, topic: TopicSpec, events: Sequence[tuple[str, Event]]
) -> None:
    broker = LaneBroker(kafka, lane, "test", Metrics())
    await broker.start()
    await broker.publish(
        [
            output(topic, key, event, event_id=uuid4(), service="test", at=datetime.now(UTC))
            for key, event in events
        ]
    )
    await broker.stop()


class Reader:
    """An outside consumer that keeps what it saw."""

    def __init__(self, kafka: KafkaSettings, *topics: TopicSpec) -> None:
        self._consumer = AIOKafkaConsumer(
            *(topic.name for topic in topics), bootstrap_servers=kafka.bootstrap_servers,
            group_id=None, auto_offset_reset="earliest", fetch_max_wait_ms=20,
        )  # fmt: skip
        self.seen: dict[str, list[tuple[bytes | None, bytes]]] = {t.name: [] for t in topics}

    async def __aenter__(self) -> Reader:
        await self._consumer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()

    async def until(self, topic: TopicSpec, count: int, seconds: float = 30) -> list[bytes]:
        """The values of ``topic`` once there are ``count``."""
        async with asyncio.timeout(PATIENCE * seconds):
            while len(self.seen[topic.name]) < count:
                for part, records in (await self._consumer.getmany(timeout_ms=100)).items():
                    self.seen[part.topic] += [(one.key, one.value) for one in records]
        return [value for _, value in self.seen[topic.name]]


async def test_every_submission_has_one_end_and_every_account_one_owner(
    postgres_dsn: str, mock_kafka: Broker, tmp_path: Path
) -> None:
    kafka = mock_kafka.settings
    config = always_at_work(tmp_path)  # whoever rejects: somebody else is there
    batches = {
        lane: [scored(f"{lane.value}@a{n}.example", lane=lane) for n in range(40)] for lane in Lane
    }
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(running(postgres_dsn, kafka, config))
        reader = await stack.enter_async_context(
            Reader(kafka, ASSIGNMENTS, ASSIGNMENTS_CURRENT, PEOPLE)
        )
        await asyncio.gather(
            *(
                publish(kafka, lane, scored_topic(lane), [(e.lead.account_key, e) for e in events])
                for lane, events in batches.items()
            )
        )
        found = [AssignmentChanged.read(value) for value in await reader.until(ASSIGNMENTS, 80)]
        await reader.until(ASSIGNMENTS_CURRENT, 80)
        people = [PersonChanged.read(value) for value in await reader.until(PEOPLE, 1)]

        first = found[0]
        assert first.rep is not None
        asked = AssignmentRequested(
            assignment_id=first.assignment_id, action=Action.REJECT, rep_id=first.rep.id,
            requested_at=datetime.now(UTC),
        )  # fmt: skip
        await publish(kafka, Lane.LIVE, ASSIGNMENT_REQUESTS, [(first.account_key, asked)])
        hop = [AssignmentChanged.read(value) for value in await reader.until(ASSIGNMENTS, 82)][80:]

    submitted = sorted(str(e.submission_id) for events in batches.values() for e in events)
    assert sorted(str(one.submission_id) for one in found) == submitted
    owners: dict[str, set[str]] = {}
    for one in found:
        assert one.rep is not None
        owners.setdefault(one.account_key, set()).add(one.rep.id)
    assert {len(reps) for reps in owners.values()} == {1}
    keys = {(key, value) for key, value in reader.seen[ASSIGNMENTS_CURRENT.name][:80]}
    assert keys == {(str(one.lead_id).encode(), one.encode()) for one in found}
    assert len({person.rep_id for person in people}) == len(people)
    assert [one.status for one in hop] == [S.REJECTED, S.REASSIGNED]
