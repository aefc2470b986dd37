"""From the spool to Kafka: in order of lanes, shared between processes, safe at any crash."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import cast

import asyncpg
import pytest

from schemas import topics
from schemas.base import Lane, Motion
from schemas.submission import SubmissionReceived
from services.capture import events
from services.capture.adapters.base import whole
from services.capture.handed import submission
from services.capture.kafka_gate import KafkaDown, KafkaGate
from services.capture.relay import Relay
from services.capture.spool import Spool, SpoolDown
from services.runtime.database import open_pool
from services.runtime.metrics import Metrics
from services.runtime.records import Output

AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


class FakeGate:
    """Stands for Kafka: keeps what it was handed, then does what it is told."""

    def __init__(self) -> None:
        self.up = True
        self.taken: list[Output] = []
        self.refuse = False
        self.die = False

    async def publish(self, outputs: Sequence[Output], timeout: float) -> None:
        if self.refuse:
            raise KafkaDown("refused")
        self.taken += outputs
        if self.die:
            raise ConnectionResetError("the process was killed here")


@pytest.fixture
async def pool(postgres_dsn: str) -> AsyncIterator[asyncpg.Pool]:
    pool = await open_pool(postgres_dsn)
    yield pool
    await pool.close()


def relay(pool: asyncpg.Pool, gate: FakeGate, spool: Spool) -> Relay:
    return Relay(pool, spool, dict.fromkeys(Lane, cast(KafkaGate, gate)), Metrics())


async def fill(spool: Spool, lane: Lane, count: int) -> list[SubmissionReceived]:
    found = []
    for number in range(count):
        event = events.received(
            "api", whole(f"{lane}{number}".encode()), headers={}, lane=lane,
            motion=Motion.INBOUND, at=AT,
        )  # fmt: skip
        assert await spool.put([submission(event, None)]) == [True]
        found.append(event)
    return found


async def waiting(pool: asyncpg.Pool) -> int:
    return int(await pool.fetchval("select count(*) from capture.spool where ended_at is null"))


async def test_live_goes_before_bulk_and_rows_go_with_the_acknowledgement(
    pool: asyncpg.Pool,
) -> None:
    spool, gate = Spool(pool, first=False), FakeGate()
    await fill(spool, Lane.BULK, 3)
    await fill(spool, Lane.LIVE, 3)
    one = relay(pool, gate, spool)
    assert await one.step() == 3
    assert {out.topic for out in gate.taken} == {topics.SUBMISSIONS.name}
    assert await waiting(pool) == 3
    assert await one.step() == 3
    assert (await one.step(), await waiting(pool)) == (0, 0)


async def test_a_refusal_keeps_the_rows(pool: asyncpg.Pool) -> None:
    spool, gate = Spool(pool, first=False), FakeGate()
    await fill(spool, Lane.LIVE, 2)
    gate.refuse = True
    with pytest.raises(KafkaDown):
        await relay(pool, gate, spool).step()
    assert await waiting(pool) == 2


async def test_killed_between_publish_and_delete_it_repeats_the_same_bytes(
    pool: asyncpg.Pool,
) -> None:
    spool, gate = Spool(pool, first=False), FakeGate()
    submitted = await fill(spool, Lane.LIVE, 2)
    gate.die = True
    with pytest.raises(ConnectionResetError):
        await relay(pool, gate, spool).step()
    gate.die = False
    assert await relay(pool, gate, spool).step() == 2
    assert gate.taken[:2] == gate.taken[2:] == [events.submission_output(e) for e in submitted]


async def test_several_processes_share_the_rows(pool: asyncpg.Pool) -> None:
    spool, gate = Spool(pool, first=False), FakeGate()
    await fill(spool, Lane.LIVE, 120)

    async def drain() -> None:
        one = relay(pool, gate, spool)
        while await one.step():
            pass

    await asyncio.gather(*(drain() for _ in range(3)))
    counts = Counter(out.value for out in gate.taken)
    assert (len(counts), set(counts.values())) == (120, {1})
    assert await waiting(pool) == 0


async def test_a_submission_is_spooled_once(pool: asyncpg.Pool) -> None:
    spool = Spool(pool, first=False)
    [event] = await fill(spool, Lane.LIVE, 1)
    assert await spool.put([submission(event, None)]) == [False]
    assert await waiting(pool) == 1


async def test_with_the_forgetful_broker_rows_are_put_off_until_they_end(
    pool: asyncpg.Pool,
) -> None:
    spool, gate = Spool(pool, first=True), FakeGate()
    [event] = await fill(spool, Lane.LIVE, 1)
    one = relay(pool, gate, spool)
    assert await one.step() == 0  # its own handler publishes it first
    await spool.start()
    assert (await one.step(), await one.step(), len(gate.taken)) == (1, 0, 1)
    delays = []
    for _ in range(6):
        delay = await pool.fetchval("select extract(epoch from due_at - now()) from capture.spool")
        delays.append(round(delay, -1))
        await pool.execute("update capture.spool set due_at = now()")
        await one.step()
    assert delays == [10, 20, 40, 80, 160, 160]
    await spool.ended([event.submission_id])
    assert await waiting(pool) == 0


async def test_a_database_that_is_gone_is_said_so(postgres_dsn: str) -> None:
    pool = await open_pool(postgres_dsn)
    spool = Spool(pool, first=False)
    pool.terminate()
    with pytest.raises(SpoolDown):
        await fill(spool, Lane.LIVE, 1)
