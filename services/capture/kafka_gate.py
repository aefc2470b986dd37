"""Whether Kafka takes records now, and the producer that hands them over.

While it does not, nobody waits for it: the gate is down until a probe has seen a leader for every
partition, over a producer that is new. A failed send leaves its records in doubt, not lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from services.runtime.kafka_client import connection, producing
from services.runtime.producer import LaneProducer
from services.runtime.records import Output
from services.runtime.settings import KafkaSettings

log = structlog.get_logger(__name__)

PROBE_PERIOD_S: Final = 0.5
_PROBE_TIMEOUT_S: Final = 2.0


class KafkaDown(Exception):
    """Kafka did not take the records in time; they may be in the log none the less."""


class GateProducer(LaneProducer):
    """A producer of the gate's own: the stages' failures do not close it, nor its own theirs."""

    def __init__(self, kafka: KafkaSettings, client_id: str) -> None:
        super().__init__(
            lambda: AIOKafkaProducer(**connection(kafka, client_id), **producing())  # not started
        )

    async def answers(self, topics: Sequence[str]) -> bool:
        """Whether a broker answers and leads every partition of ``topics``."""
        if not await self.ping(_PROBE_TIMEOUT_S) or self._raw is None:
            return False
        client = self._raw.client
        try:
            async with asyncio.timeout(_PROBE_TIMEOUT_S):
                for topic in topics:
                    for partition in await self._raw.partitions_for(topic):
                        leader = client.cluster.leader_for_partition(
                            TopicPartition(topic, partition)
                        )
                        if leader is None or leader == -1:
                            return False
        except (KafkaError, OSError):
            return False
        return True


class KafkaGate:
    """The way to Kafka for one lane of the HTTP handlers and for the relay."""

    def __init__(self, producer: GateProducer, topics: Sequence[str], name: str) -> None:
        self._producer = producer
        self._topics = tuple(topics)
        self._name = name
        self._is_up = asyncio.Event()
        self._is_down = asyncio.Event()
        self._is_down.set()

    @property
    def up(self) -> bool:
        return self._is_up.is_set()

    async def until_up(self) -> None:
        """Return as soon as Kafka takes records."""
        await self._is_up.wait()

    async def start(self) -> None:
        """Look once; a broker that is not there now is found by :meth:`run`."""
        await self._probe()

    async def stop(self) -> None:
        """Flush what is queued, bounded, and close."""
        self._is_up.clear()
        await self._producer.disconnect()

    async def publish(self, outputs: Sequence[Output], timeout: float) -> None:
        """Hand over, and wait for the acknowledgements.

        :param timeout: seconds for all of it.
        :raises KafkaDown: at once while the gate is down, else when the time is over or the broker
            refuses; the gate is down from then on.
        """
        if not self.up:
            raise KafkaDown("the broker does not answer")
        try:
            await self._producer.send(outputs, timeout)
        except (KafkaError, TimeoutError) as error:
            self._went_down(error)
            raise KafkaDown(type(error).__name__) from error

    async def run(self) -> None:
        """Probe while the gate is down, until cancelled; then flush and close."""
        try:
            while True:
                await self._is_down.wait()
                await self._probe()
                if not self.up:
                    await asyncio.sleep(PROBE_PERIOD_S)
        except asyncio.CancelledError:
            await self.stop()
            raise

    async def _probe(self) -> None:
        if await self._producer.answers(self._topics):
            self._is_down.clear()
            self._is_up.set()
            log.info("kafka_gate.up", lane=self._name)

    def _went_down(self, error: BaseException) -> None:
        if self.up:
            log.warning("kafka_gate.down", lane=self._name, error=type(error).__name__)
        self._is_up.clear()
        self._is_down.set()
