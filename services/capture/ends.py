"""Which submissions have ended, as anybody can see it on the bus.

Only for the in-process broker, which forgets: what has no end yet is published again. Everything is
read from the start at every start, because nothing older than this process is there.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Iterable
from typing import Final
from uuid import UUID

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from schemas import topics
from services.capture.spool import Spool
from services.runtime.database import is_infrastructure
from services.runtime.kafka_client import close, connection
from services.runtime.settings import KafkaSettings

log = structlog.get_logger(__name__)

_FETCH_WAIT_MS: Final = 50
_MAX_RECORDS: Final = 1_000
_RETRY_S: Final = 1.0


def end_topics() -> tuple[str, ...]:
    """Every topic on which a submission's end is told."""
    return (topics.ASSIGNMENTS.name, topics.QUARANTINE.name, *topics.dead_letter_topics())


def ended(values: Iterable[bytes | None]) -> set[UUID]:
    """The submissions that records name; a dead letter may be anything, so nothing is assumed."""
    found = set()
    for value in values:
        try:
            document = json.loads(value or b"null")
            found.add(UUID(document["submission_id"]))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            continue
    return found


class EndsReader:
    """Follows the end topics and tells the spool."""

    def __init__(self, kafka: KafkaSettings, spool: Spool) -> None:
        self._kafka = kafka
        self._spool = spool

    async def run(self) -> None:
        """Read for ever; a lost broker is looked for again."""
        while True:
            consumer = AIOKafkaConsumer(
                *end_topics(),
                **connection(self._kafka, "handraise-capture-ends"),
                group_id=None,
                auto_offset_reset="earliest",
                enable_auto_commit=False,
                fetch_max_wait_ms=_FETCH_WAIT_MS,
            )
            try:
                await consumer.start()
                await self._follow(consumer)
            except (KafkaError, OSError) as error:
                log.warning("ends.waiting", waiting_for="kafka", error=type(error).__name__)
            finally:
                await close(consumer)
            await asyncio.sleep(_RETRY_S)

    async def _follow(self, consumer: AIOKafkaConsumer) -> None:
        while True:
            got = await consumer.getmany(timeout_ms=1_000, max_records=_MAX_RECORDS)
            submissions = ended(record.value for records in got.values() for record in records)
            if submissions:
                await self._tell(submissions)

    async def _tell(self, submissions: Collection[UUID]) -> None:
        while True:
            try:
                await self._spool.ended(submissions)
            except Exception as error:
                if not is_infrastructure(error):
                    raise
                await asyncio.sleep(_RETRY_S)
            else:
                return
