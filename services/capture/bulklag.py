"""How long the oldest bulk record waits, on the whole way from the door to routing.

Asked of Kafka itself, so that every stage counts, whichever process it runs in: prospects are taken
only as fast as the slowest of them works.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator
from typing import Final

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from schemas.base import Lane
from schemas.topics import TOPICS
from services.runtime.kafka_client import close, connection
from services.runtime.settings import KafkaSettings

log = structlog.get_logger(__name__)

LOOK_S: Final = 2.0
_FIRST_RECORD_S: Final = 1.0
_RETRY_S: Final = 5.0


class BulkLag:
    """The last measurement, and the loop that measures."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        self.seconds = 0.0
        """Age of the oldest unfinished bulk record; stays as it was while Kafka is away."""

    async def run(self) -> None:
        """Measure for ever; a lost broker is looked for again."""
        while True:
            admin = AIOKafkaAdminClient(**connection(self._kafka, "handraise-capture-lag-groups"))
            consumer = AIOKafkaConsumer(
                **connection(self._kafka, "handraise-capture-lag"),
                group_id=None,
                enable_auto_commit=False,
                fetch_max_wait_ms=100,
            )
            try:
                await admin.start()
                await consumer.start()
                while True:
                    self.seconds = await oldest(admin, consumer, time.time())
                    await asyncio.sleep(LOOK_S)
            except (KafkaError, OSError) as error:
                log.warning("bulk_lag.waiting", waiting_for="kafka", error=type(error).__name__)
            finally:
                await close(consumer)
                await admin.close()
            await asyncio.sleep(_RETRY_S)


async def oldest(
    admin: AIOKafkaAdminClient,
    consumer: AIOKafkaConsumer,
    now: float,
    stages: Iterable[tuple[str, str]] | None = None,
) -> float:
    """Seconds since the oldest record was appended that a bulk stage has not finished; else 0.

    :param now: Unix time.
    :param stages: topics and groups; those of :func:`bulk_stages` where none are given.
    """
    waiting: dict[TopicPartition, int] = {}
    groups = dict(bulk_stages() if stages is None else stages)
    for topic in await admin.describe_topics(list(groups)):
        group = groups[topic["topic"]]
        places = [TopicPartition(topic["topic"], one["partition"]) for one in topic["partitions"]]
        ends = await consumer.end_offsets(places)
        done = await admin.list_consumer_group_offsets(group, partitions=places)
        for place in places:
            offset = done[place].offset if place in done else -1
            if offset < ends[place]:
                waiting[place] = offset
    return max(0.0, now - await _appended(consumer, waiting, now))


def bulk_stages() -> Iterator[tuple[str, str]]:
    """The bulk topics that lead to an assignment, each with the group that reads it."""
    for topic in TOPICS:
        if topic.lane is Lane.BULK:
            for service in topic.consumers:
                yield topic.name, f"{service}.bulk"


async def _appended(
    consumer: AIOKafkaConsumer, waiting: dict[TopicPartition, int], now: float
) -> float:
    """When the oldest of the waiting records was appended, in Unix time; else ``now``."""
    if not waiting:
        return now
    consumer.assign(list(waiting))
    for place, offset in waiting.items():
        if offset >= 0:
            consumer.seek(place, offset)
        else:
            await consumer.seek_to_beginning(place)
    found = await consumer.getmany(timeout_ms=int(_FIRST_RECORD_S * 1000))
    return min((one.timestamp / 1000 for records in found.values() for one in records), default=now)
