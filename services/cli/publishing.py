"""Events that a command publishes itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

from aiokafka import AIOKafkaProducer

from services.runtime.kafka_client import connection, producing
from services.runtime.records import Output
from services.runtime.settings import KafkaSettings

_SEND_S: Final = 10.0


async def publish(kafka: KafkaSettings, client_id: str, outputs: Iterable[Output]) -> None:
    """Send one after the other, each acknowledged before the next.

    :raises TimeoutError: one was not acknowledged within 10 s.
    :raises KafkaError: no broker, or it refused.
    """
    producer = AIOKafkaProducer(**connection(kafka, client_id), **producing())
    try:
        await producer.start()
        for out in outputs:
            async with asyncio.timeout(_SEND_S):
                await producer.send_and_wait(
                    out.topic, out.value, key=out.key, headers=list(out.headers)
                )
    finally:
        await producer.stop()
