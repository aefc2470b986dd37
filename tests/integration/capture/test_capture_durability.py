"""A 200 is a promise, whichever of the two stores is away or hangs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

from aiokafka import AIOKafkaProducer

from schemas import topics
from services.capture.kafka_gate import GateProducer, KafkaGate
from services.capture.spool import MAX_OPEN
from services.runtime.embedded.broker import EmbeddedBroker
from services.runtime.settings import KafkaSettings
from tests.integration.capture.running import (
    AT_ONCE_S,
    Proxy,
    capture,
    nearly_all_at_once,
    outside,
    spooled,
    timed,
)
from tests.support import signals
from tests.support.kafka import Broker
from tests.support.waiting import PATIENCE, eventually


def kafka_first(broker: EmbeddedBroker) -> KafkaSettings:
    """The in-process broker, used as a real one would be."""
    return KafkaSettings(
        bootstrap_servers=broker.address,
        fetch_max_wait_ms=10,
        session_timeout_ms=30_000,
        heartbeat_ms=500,
    )


@asynccontextmanager
async def own_broker(folder: Path) -> AsyncIterator[EmbeddedBroker]:
    broker = EmbeddedBroker(folder / "broker.log")
    broker.start()
    try:
        yield broker
    finally:
        thaw(broker)
        broker.stop()


def freeze(broker: EmbeddedBroker) -> None:
    assert broker.pid is not None
    signals.freeze(broker.pid)


def thaw(broker: EmbeddedBroker) -> None:
    assert broker.pid is not None
    signals.thaw(broker.pid)


async def test_a_broker_that_hangs_costs_one_wait_and_no_submission(
    postgres_dsn: str, tmp_path: Path
) -> None:
    async with (
        own_broker(tmp_path) as broker,
        capture(postgres_dsn, kafka_first(broker), patient=False) as it,
        outside(it.kafka) as bus,
    ):
        good, _ = await timed(it, "before")
        assert await spooled(it) == 0
        freeze(broker)
        first, slow = await timed(it, "first")
        assert (first.status_code, slow < PATIENCE * 1.5) == (200, True)
        rest = [await timed(it, f"later{n}") for n in range(20)]
        assert {answer.status_code for answer, _ in rest} == {200}
        assert nearly_all_at_once(rest)
        assert await spooled(it) == 21
        thaw(broker)

        async def relayed() -> bool:
            return await spooled(it) == 0

        await eventually(relayed, 20)
        answers = [good, first, *(answer for answer, _ in rest)]
        ids = {answer.json()["submission_id"] for answer in answers}
        await bus.until(lambda b: ids <= {c["submission_id"] for c in b.on(topics.CAPTURED)})
        # What was in doubt may have been published twice; it was decided once.
        leads = {(c["submission_id"], c["touch"]) for c in bus.on(topics.CAPTURED)}
        assert len(leads) == len(ids) == 22
        again, seconds = await timed(it, "after")
        assert (again.status_code, seconds < PATIENCE * AT_ONCE_S) == (200, True)
        assert await spooled(it) == 0


async def test_postgres_hanging_delays_nobody_and_both_hanging_is_503_in_time(
    postgres_dsn: str, tmp_path: Path
) -> None:
    proxy = Proxy(postgres_dsn)
    async with (
        own_broker(tmp_path) as broker,
        proxy.listening() as dsn,
        capture(dsn, kafka_first(broker), patient=False) as it,
    ):
        proxy.freeze()
        for name in ("a", "b", "c"):
            answer, seconds = await timed(it, name)
            assert (answer.status_code, seconds < PATIENCE * AT_ONCE_S) == (200, True)
        keyed = await it.lead("key", email="k@acme.com")
        assert keyed.status_code == 200
        freeze(broker)
        outcomes = await asyncio.gather(*(timed(it, f"both{n}") for n in range(10)))
        outcomes.append(await timed(it, "both"))
        for answer, seconds in outcomes:
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
            assert seconds < PATIENCE * 2.5
        thaw(broker)
        proxy.thaw()

        async def accepts() -> bool:
            return (await timed(it, "after"))[0].status_code == 200

        await eventually(accepts, 15)


async def test_the_gate_opens_with_a_new_producer_when_the_broker_is_back(tmp_path: Path) -> None:
    async with own_broker(tmp_path) as broker:
        topic = topics.SUBMISSIONS.name
        gate = KafkaGate(GateProducer(kafka_first(broker), "test"), [topic], "live")
        freeze(broker)
        running = asyncio.create_task(gate.run())
        await asyncio.sleep(0)
        assert not gate.up
        thaw(broker)
        await asyncio.wait_for(gate.until_up(), 15)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_with_the_forgetful_broker_an_input_stays_until_its_end_was_seen(
    postgres_dsn: str, tmp_path: Path
) -> None:
    async with own_broker(tmp_path) as broker:
        settings = Broker(broker.address, "embedded").settings
        async with capture(postgres_dsn, settings, patient=False) as it:
            answers = [await it.lead(email=f"p{n}@acme.com") for n in range(3)]
            assert [answer.status_code for answer in answers] == [200] * 3
            assert await spooled(it) == 3
    ids = [answer.json()["submission_id"] for answer in answers]

    async with own_broker(tmp_path) as broker:  # a new one, with nothing in it
        settings = Broker(broker.address, "embedded").settings
        async with (
            capture(postgres_dsn, settings, key=it.key, patient=False) as it,
            outside(it.kafka) as bus,
        ):
            await bus.until(lambda b: {c["submission_id"] for c in b.on(topics.CAPTURED)} == {*ids})
            assert [c["touch"] for c in bus.on(topics.CAPTURED)] == [1, 1, 1]
            await tell_ends(it.kafka, ids[:2])

            async def one_left() -> bool:
                return await spooled(it) == 1

            await eventually(one_left)


async def tell_ends(kafka: KafkaSettings, submissions: list[str]) -> None:
    """As routing and a dead-letter topic would."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap_servers)
    await producer.start()
    where = [topics.ASSIGNMENTS.name, topics.SCORED.dead_letters("routing")]
    for topic, submission in zip(where, submissions, strict=True):
        await producer.send_and_wait(topic, f'{{"submission_id":"{submission}"}}'.encode())
    await producer.send_and_wait(where[1], b"\xff not an event")
    await producer.stop()


async def test_the_forgetful_brokers_unfinished_inputs_are_bounded(
    postgres_dsn: str, mock_kafka: Broker
) -> None:
    async with capture(postgres_dsn, mock_kafka.settings) as it:
        pool = it.ctx.control
        await pool.executemany(
            "insert into capture.spool (submission_id, lane, topic, key, value, headers, slot,"
            " size, due_at) values ($1, 'live', 't', '', '', '[]', $2, 10, now() + '1 day')",
            [(uuid4(), slot) for slot in range(4) for _ in range(MAX_OPEN)],
        )
    async with capture(postgres_dsn, mock_kafka.settings, key=it.key) as it:
        full = await it.lead(email="a@acme.com")
        assert (full.status_code, full.headers["retry-after"]) == (429, "1")
        assert (await it.lead(email="a@acme.com", kind="prospect")).status_code == 200
