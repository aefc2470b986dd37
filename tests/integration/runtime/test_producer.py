"""A producer that is given up takes with it all that it had queued, and says nothing more."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaTimeoutError

from services.runtime.embedded.broker import EmbeddedBroker
from services.runtime.kafka_client import connection, producing
from services.runtime.producer import LaneProducer
from services.runtime.settings import KafkaSettings
from tests.support.signals import freeze, thaw
from tests.support.stages import event_output, topics_on
from tests.support.waiting import eventually


async def test_what_a_replaced_producer_had_queued_fails_and_is_heard_of_once(
    tmp_path: Path,
) -> None:
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, what: complaints.append(what))
    broker = EmbeddedBroker(tmp_path / "broker.log")
    try:
        await _replaced(broker, KafkaSettings(bootstrap_servers=broker.start(), embedded=True))
    finally:
        broker.stop()
    gc.collect()
    assert complaints == []


async def _replaced(broker: EmbeddedBroker, kafka: KafkaSettings) -> None:
    """A producer given up with one record on its way and one in the queue behind it."""
    to, _ = await topics_on(kafka, partitions=1)
    producer = LaneProducer(lambda: AIOKafkaProducer(**connection(kafka, "test"), **producing()))
    await producer.send([event_output(to)], 10)
    await _frozen(broker.pid or 0)
    on_its_way = asyncio.create_task(producer.send([event_output(to)], 30))
    await eventually(lambda: _in_flight(producer), 30, what="a request without an answer")
    with pytest.raises(TimeoutError):
        await producer.send([event_output(to)], 0.1)
    with pytest.raises(KafkaTimeoutError, match="replaced"):
        await on_its_way
    thaw(broker.pid or 0)
    await producer.disconnect()


async def _frozen(pid: int) -> None:
    """Stops a process; its threads stop one after the other, a moment after the signal."""
    freeze(pid)
    threads = list(Path(f"/proc/{pid}/task").iterdir())

    def stopped() -> bool:
        return all("\tT " in thread.joinpath("status").read_text() for thread in threads)

    await eventually(stopped, what="all threads stopped")


def _in_flight(producer: LaneProducer) -> bool:
    return producer._raw is not None and bool(producer._raw._sender._in_flight)
