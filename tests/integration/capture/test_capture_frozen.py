"""Real Kafka and real Postgres that hang: stopped by signal, connections open, nobody answers."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial

import asyncpg
import httpx
import psutil
import pytest
from aiokafka import AIOKafkaConsumer

from schemas import topics
from schemas.base import Lane, Motion
from services.capture import events
from services.capture.adapters.base import whole
from services.capture.handed import submission
from services.capture.spool import Spool
from services.runtime import topics_admin
from services.runtime.database import open_pool
from services.runtime.embedded.kafka import EmbeddedKafka
from services.runtime.embedded.postgres import EmbeddedPostgres
from services.runtime.settings import KafkaSettings
from tests.integration.capture.running import (
    AT_ONCE_S,
    Outside,
    capture,
    nearly_all_at_once,
    outside,
    spooled,
    timed,
)
from tests.support.kafka import Broker
from tests.support.signals import freeze, thaw
from tests.support.waiting import PATIENCE, eventually

AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
ONE_WAIT_S, BOTH_HANG_S = PATIENCE * 1.5, PATIENCE * 2.5
HANGING = 12


async def started(server: EmbeddedKafka) -> KafkaSettings:
    settings = KafkaSettings(
        bootstrap_servers=server.address, session_timeout_ms=30_000, heartbeat_ms=500
    )
    await topics_admin.apply(settings)
    return settings


def postgres_processes(server: EmbeddedPostgres) -> list[int]:
    first = psutil.Process(server.postmaster())
    return [first.pid, *(child.pid for child in first.children(recursive=True))]


@asynccontextmanager
async def frozen(pids: Sequence[int]) -> AsyncIterator[None]:
    for pid in pids:
        freeze(pid)
    try:
        yield
    finally:
        for pid in pids:
            thaw(pid)


def captured(bus: Outside) -> set[str]:
    return {event["submission_id"] for event in bus.on(topics.CAPTURED)}


async def test_a_hung_kafka_costs_one_wait_then_the_spool_answers_at_once(
    postgres_dsn: str, own_kafka: Callable[..., EmbeddedKafka]
) -> None:
    server = await asyncio.to_thread(own_kafka)
    async with (
        capture(postgres_dsn, await started(server), patient=False) as it,
        outside(it.kafka) as bus,
    ):
        answers = [(await timed(it, "before"))[0]]
        async with frozen([server.pid]):
            # All that are in flight when it stops answering wait together, not one after another.
            first = await asyncio.gather(*(timed(it, f"first{n}") for n in range(20)))
            assert max(seconds for _, seconds in first) < ONE_WAIT_S
            began = time.monotonic()
            rest: list[tuple[httpx.Response, float]] = []
            while time.monotonic() < began + HANGING:
                rest.append(await timed(it, f"later{len(rest)}"))
                await asyncio.sleep(0.05)
            assert nearly_all_at_once(rest)
            answers += [answer for answer, _ in [*first, *rest]]
            assert {answer.status_code for answer in answers} == {200}
            assert await spooled(it) == len(first) + len(rest)

        async def relayed() -> bool:
            return await spooled(it) == 0

        await eventually(relayed, 30)
        ids = {answer.json()["submission_id"] for answer in answers}
        await bus.until(lambda b: ids <= captured(b), 60)
        once = {(c["submission_id"], c["touch"]) for c in bus.on(topics.CAPTURED)}
        assert len(once) == len(ids) == len(answers)
        after, seconds = await timed(it, "after")
        assert (after.status_code, seconds < ONE_WAIT_S) == (200, True)


async def test_with_both_hanging_the_answer_is_503_in_time_and_nothing_stays_broken(
    own_kafka: Callable[..., EmbeddedKafka], own_postgres: EmbeddedPostgres
) -> None:
    server = await asyncio.to_thread(own_kafka)
    async with capture(own_postgres.dsn, await started(server), patient=False) as it:
        assert (await timed(it, "before"))[0].status_code == 200
        async with frozen([server.pid, *postgres_processes(own_postgres)]):
            for turn in range(3):
                keyed = it.lead(f"key{turn}", email=f"k{turn}@acme.com")
                outcomes = await asyncio.gather(*(timed(it, f"b{turn}.{n}") for n in range(40)))
                outcomes.append((await asyncio.wait_for(keyed, BOTH_HANG_S), 0.0))
                for answer, seconds in outcomes:
                    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
                    assert answer.headers["content-type"] == "application/problem+json"
                    assert seconds < BOTH_HANG_S

        async def accepts_at_once() -> bool:
            answer, seconds = await timed(it, "after")
            return answer.status_code == 200 and seconds < AT_ONCE_S

        await eventually(accepts_at_once, 20, pause=0.2)


async def test_a_hung_postgres_delays_nobody(
    own_kafka: Callable[..., EmbeddedKafka], own_postgres: EmbeddedPostgres
) -> None:
    server = await asyncio.to_thread(own_kafka)
    async with capture(own_postgres.dsn, await started(server), patient=False) as it:
        async with frozen(postgres_processes(own_postgres)):
            outcomes = [await timed(it, f"p{n}") for n in range(50)]
            keyed = await asyncio.wait_for(it.lead("key", email="k@acme.com"), ONE_WAIT_S)
        answers = [*(answer for answer, _ in outcomes), keyed]
        assert {answer.status_code for answer in answers} == {200}
        assert nearly_all_at_once(outcomes)
        ids = {answer.json()["submission_id"] for answer in answers}
        async with outside(it.kafka) as bus:
            await bus.until(
                lambda b: ids <= {c["submission_id"] for c in b.on(topics.CAPTURED)}, 60
            )


async def fill(dsn: str, lane: Lane, count: int) -> set[str]:
    pool = await open_pool(dsn)
    made = []
    for number in range(count):
        event = events.received(
            "api", whole(f"{lane}{number}".encode()), headers={}, lane=lane,
            motion=Motion.INBOUND, at=AT,
        )  # fmt: skip
        made.append(submission(event, None))
    for start in range(0, count, 100):
        await Spool(pool, first=False).put(made[start : start + 100])
    await pool.close()
    return {str(one.id) for one in made}


@pytest.mark.real_kafka
async def test_a_relay_killed_at_any_point_loses_nothing_and_keeps_its_order_and_pace(
    postgres_dsn: str, real_kafka: Broker
) -> None:
    await topics_admin.apply(real_kafka.settings)
    live = await fill(postgres_dsn, Lane.LIVE, 1000)
    bulk = await fill(postgres_dsn, Lane.BULK, 300)
    connection = await asyncpg.connect(postgres_dsn)
    dice = random.Random(7)

    async def left() -> int:
        return int(await connection.fetchval("select count(*) from capture.spool"))

    async def at_most(goal: int) -> bool:
        return await left() <= goal

    command = [sys.executable, "-m", "tests.integration.capture.relay_program"]
    kills = 0
    while (before := await left()) > 0:
        relay = subprocess.Popen([*command, postgres_dsn, real_kafka.address])
        try:
            goal = before - dice.randint(1, 300) if kills < 6 else 0
            await eventually(partial(at_most, goal), 60, pause=0.005)
            await asyncio.sleep(dice.random() * 0.1)  # anywhere within the next batch
        finally:
            relay.kill()
            relay.wait(10)
        kills += 1
    await connection.close()
    assert kills == 7
    records = await read(real_kafka, live | bulk)
    assert {found for found, _, _ in records} == live | bulk
    last_live = max(at for found, _, at in records if found in live)
    assert last_live <= min(at for found, _, at in records if found in bulk)
    a_second = Counter(at // 1000 for _, _, at in records)
    assert max(a_second.values()) <= 650, "about 500 a second"


async def read(broker: Broker, wanted: set[str]) -> list[tuple[str, str, int]]:
    """Submission id, topic and time (ms) of every record about those that are wanted."""
    consumer = AIOKafkaConsumer(
        *(topics.submissions(lane).name for lane in Lane),
        bootstrap_servers=broker.address,
        auto_offset_reset="earliest",
        group_id=None,
    )
    found: list[tuple[str, str, int]] = []
    await consumer.start()
    try:
        async with asyncio.timeout(30):
            while {one for one, _, _ in found} != wanted:
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    for record in records:
                        one = json.loads(record.value)["submission_id"]
                        if one in wanted:
                            found.append((one, record.topic, record.timestamp))
    finally:
        await consumer.stop()
    return found
