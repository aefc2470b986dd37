"""A consumer is closed in bounded time and quietly, whatever has become of its broker."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer

from services.runtime import topics_admin
from services.runtime.embedded.broker import EmbeddedBroker
from services.runtime.kafka_client import close, connection
from services.runtime.settings import KafkaSettings
from tests.support.waiting import PATIENCE, eventually


@pytest.mark.parametrize("gone", [False, True], ids=["broker there", "broker gone"])
async def test_closing_neither_raises_nor_hangs(tmp_path: Path, gone: bool) -> None:
    broker = EmbeddedBroker(tmp_path / "broker.log")
    kafka = KafkaSettings(bootstrap_servers=broker.start(), embedded=True)
    try:
        await topics_admin.apply(kafka)
        consumer = AIOKafkaConsumer("assignments.v1", **connection(kafka, "test"))
        await consumer.start()
        for place in consumer.assignment():
            await consumer.position(place)
        if gone:
            broker.stop()
            await eventually(lambda: _retrying(consumer), 20, "fetches that fail")
        began = time.monotonic()
        await close(consumer)  # aiokafka's own stop raises here, when the broker is gone
        assert time.monotonic() - began < PATIENCE * 2.5
        task = asyncio.current_task()
        assert task is not None
        assert not task.cancelling()
    finally:
        broker.stop()


async def _retrying(consumer: AIOKafkaConsumer) -> bool:
    """Whether a fetch has failed and waits for its next attempt, where closing was seen to fail."""
    await consumer.getmany(timeout_ms=10)
    stacks = [task.get_stack() for task in consumer._fetcher._pending_tasks]
    return any(frame.f_code.co_name == "_proc_fetch_request" for s in stacks for frame in s)
