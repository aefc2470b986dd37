"""Workers that read people from a vendor: several at once, slow ones and dead ones."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest

from schemas.base import Lane, Motion
from schemas.cloudevents import Envelope
from schemas.submission import SubmissionReceived
from services.capture import config, events, fetcher
from services.capture.adapters.base import HookRequest
from services.capture.adapters.hubspot_app import HubspotApp
from services.capture.completing import order
from services.capture.fetcher import Fetcher
from services.capture.fetchpolicy import Patience
from services.capture.store import fetches
from services.runtime.database import open_pool
from services.runtime.metrics import Metrics
from services.runtime.outbox import Outbox
from services.runtime.records import Output, Record
from tests.integration.capture.vendor import TOKEN, Reply, Vendor
from tests.support.tasks import beside
from tests.support.waiting import eventually

SECRETS = {"HUBSPOT_TOKEN": [TOKEN]}
FILES = {p.name: p.read_text() for p in Path("deploy/config").glob("*.yaml")}
CONFIG = config.parse(FILES)
QUICK = Patience(first_s=0.05, most_s=0.2)


def submission(contact: int) -> Record[SubmissionReceived]:
    told = {"subscriptionType": "contact.creation", "objectId": contact, "eventId": contact,
            "subscriptionId": 7}  # fmt: skip
    body = json.dumps([told]).encode()
    [item] = HubspotApp().split(HookRequest("POST", "", {}, {}, body))
    at = datetime(2026, 11, 23, 9, tzinfo=UTC)
    event = events.received(
        "hubspot_app", item, headers={}, lane=Lane.LIVE, motion=Motion.INBOUND, at=at
    )
    out = events.submission_output(event)
    envelope = Envelope.from_headers(out.headers)
    return Record(event, envelope, out.topic, 0, contact, out.key, out.value, out.headers)


class World:
    """Jobs in a database, a vendor, and what was published."""

    def __init__(self, pool: asyncpg.Pool, vendor: Vendor) -> None:
        self.pool = pool
        self.vendor = vendor
        self.published: list[Output] = []
        source = CONFIG.sources["hubspot_app"]
        assert source.config.fetch is not None
        fetch = source.config.fetch.model_copy(update={"base_url": vendor.url})
        ours = replace(source, config=source.config.model_copy(update={"fetch": fetch}))
        self.config = replace(CONFIG, sources={**CONFIG.sources, "hubspot_app": ours})

    async def add(self, contacts: Sequence[int]) -> None:
        for contact in contacts:
            self.vendor.contacts[str(contact)] = {"email": f"p{contact}@n.example"}
        async with self.pool.acquire() as conn, conn.transaction():
            await order(conn, [submission(contact) for contact in contacts])

    @asynccontextmanager
    async def working(self, workers: int) -> AsyncIterator[None]:
        async def publish(outputs: Sequence[Output]) -> None:
            self.published.extend(outputs)

        def worker() -> Fetcher:
            outbox = Outbox("capture", self.pool, publish, Metrics())
            return Fetcher(Lane.LIVE, self.pool, outbox, lambda: self.config, SECRETS, Metrics(),
                           QUICK)  # fmt: skip

        async with beside(*(worker().run() for _ in range(workers))):
            yield

    async def open(self) -> int:
        query = "select count(*) from capture.fetches where ended_at is null"
        return int(await self.pool.fetchval(query))

    async def level(self) -> None:
        """Until every job has ended and what it said is published."""
        count = int(await self.pool.fetchval("select count(*) from capture.fetches"))

        async def done() -> bool:
            return await self.open() == 0 and len(self.published) >= count

        await eventually(done, timeout=30)

    def contacts(self) -> list[str]:
        """Whom the published answers are about."""
        found = []
        for out in self.published:
            event = SubmissionReceived.read(out.value)
            assert event.fetched is not None
            found.append(json.loads(event.fetched)["id"])
        return sorted(found, key=int)


@asynccontextmanager
async def world(dsn: str) -> AsyncIterator[World]:
    pool = await open_pool(dsn, size=5, name="test.fetchers")
    try:
        async with Vendor().listening() as vendor:
            yield World(pool, vendor)
    finally:
        await pool.close()


async def test_two_workers_ask_once_about_each_and_publish_each_once(postgres_dsn: str) -> None:
    async with world(postgres_dsn) as it:
        await it.add(range(1, 61))
        async with it.working(2):
            await it.level()
        assert it.contacts() == [str(n) for n in range(1, 61)]
        assert len(it.vendor.asked) == 60


async def test_whatever_the_vendor_does_each_has_one_end(postgres_dsn: str) -> None:
    async with world(postgres_dsn) as it:
        it.vendor.faults = [
            Reply(status, headers={"retry-after": "0"})
            for status in (401, 403, 404, 429, 500, 502, 503, 302, 400) * 3
        ]
        await it.add(range(1, 31))
        async with it.working(2):
            await it.level()
        assert it.contacts() == [str(n) for n in range(1, 31)]


async def test_a_limit_holds_back_what_else_waits_for_the_source(postgres_dsn: str) -> None:
    async with world(postgres_dsn) as it:
        it.vendor.faults = [Reply(429, headers={"retry-after": "2"})]
        await it.add([1, 2])
        await it.pool.execute(
            "update capture.fetches set due_at = now() + interval '500 ms' where \"offset\" = 2"
        )
        async with it.working(1):
            await it.level()
        (_, first), *others = it.vendor.asked
        assert len(others) == 2
        assert all(at - first >= 2 for _, at in others)


async def test_a_dead_workers_jobs_are_taken_over_when_its_lease_ends(postgres_dsn: str) -> None:
    async with world(postgres_dsn) as it:
        await it.add([1, 2, 3])
        async with it.pool.acquire() as conn:
            dead = await fetches.claim(conn, Lane.LIVE, 10, lease_s=1.0)
        assert len(dead) == 3
        async with it.working(2):
            await it.level()
        assert it.contacts() == ["1", "2", "3"]


async def test_a_worker_that_was_thought_dead_publishes_nothing_more(postgres_dsn: str) -> None:
    async with world(postgres_dsn) as it:
        await it.add([1])
        async with it.pool.acquire() as conn:
            [late] = await fetches.claim(conn, Lane.LIVE, 10, lease_s=0.0)
        async with it.working(1):
            await it.level()
        async with it.pool.acquire() as conn:
            assert not await fetches.end_answered(conn, late, "0" * 64)
            assert not await fetches.end_given_up(conn, late, "fetch_refused")
        assert it.contacts() == ["1"]


async def test_a_worker_that_stops_gives_its_jobs_back(postgres_dsn: str) -> None:
    async with world(postgres_dsn) as it:
        it.vendor.faults = [Reply(200, delay_s=60)]
        await it.add([1])
        async with it.working(1):
            await eventually(lambda: len(it.vendor.asked) == 1)
        async with it.working(1):
            await it.level()
        assert it.contacts() == ["1"]


async def test_a_slow_vendor_is_left_and_asked_again(
    postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetcher, "TIMEOUT_S", 0.3)
    async with world(postgres_dsn) as it:
        it.vendor.faults = [Reply(200, {"id": "1", "properties": {}}, delay_s=5)]
        await it.add([1])
        async with it.working(1):
            await it.level()
        assert it.contacts() == ["1"]
        assert len(it.vendor.asked) == 2


async def test_an_endless_answer_is_given_up(postgres_dsn: str) -> None:
    async with world(postgres_dsn) as it:
        it.vendor.faults = [Reply(200, "x" * (fetcher.MOST_BYTES + 1))]
        await it.add([1])
        async with it.working(1):
            await it.level()
        [letter] = it.published
        assert dict(letter.headers)["x-handraise-reason"] == b"fetch_too_large"
        assert letter.value == submission(1).value
