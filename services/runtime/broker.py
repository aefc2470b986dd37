"""One Kafka broker connection per lane: its stages, its producer, its health."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from faststream.kafka import KafkaBroker
from faststream.kafka.helpers import AdminService

from schemas.base import Lane
from services.runtime.kafka_client import connection, producing, quieten, security
from services.runtime.metrics import Metrics
from services.runtime.producer import PUBLISH_TIMEOUT_S, LaneProducer
from services.runtime.records import Output
from services.runtime.stage.declare import declare
from services.runtime.stage.gate import LaneGate
from services.runtime.stage.reading import Reading
from services.runtime.stage.runner import StageRunner
from services.runtime.stage.spec import StageSpec
from services.runtime.stage.subscriber import StageSubscriber

if TYPE_CHECKING:
    from services.runtime.settings import KafkaSettings

log = structlog.get_logger(__name__)

START_PATIENCE_S: Final = 10.0
"""How long :meth:`LaneBroker.start` waits before it goes on trying in the background."""
_BACK_OFF_S: Final = (0.05, 0.1, 0.2, 0.5, 1.0)
_DRAIN_S: Final = 5.0


class LaneBroker:
    """The stages and the producer of one lane of a service.

    ``broker`` is the FastStream broker on which they are declared: AsyncAPI and
    ``TestKafkaBroker`` take it. ``failed`` is set, with ``reason``, when a stage took itself down;
    the process should then end, with that reason, so that its supervisor decides.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        lane: Lane,
        service: str,
        metrics: Metrics,
        gate: LaneGate | None = None,
    ) -> None:
        self.lane = lane
        self.failed = asyncio.Event()
        self.reason: str | None = None
        self._kafka = kafka
        self._service = service
        self._metrics = metrics
        self._gate = gate or LaneGate.of(service)
        self._stages: list[StageSubscriber] = []
        self._starting: asyncio.Task[None] | None = None
        self._trouble: str | None = "not started yet"
        self._client_id = f"handraise-{service}-{lane.value}"
        self.broker = self._build()
        self._producer = LaneProducer(self._make_producer)
        self.broker.config.broker_config.producer = self._producer
        self.broker.config.broker_config.admin = _NoAdmin()

    def add(self, spec: StageSpec[Any]) -> Reading:
        """Declare a stage; it starts with :meth:`start`. Gives what tells how far it has read."""
        runner = StageRunner(spec, self.publish, self._metrics)
        subscriber = declare(
            self.broker, runner, self._kafka, self._gate, self._failed, self._producer.ping
        )
        self._stages.append(subscriber)
        return Reading(subscriber)

    # -- publishing --------------------------------------------------------------------------
    async def publish(self, outputs: Sequence[Output], timeout: float | None = None) -> None:
        """Publish, by partition and in order, and wait for every acknowledgement.

        :param timeout: seconds; 5 if not given.
        :raises KafkaError: refused, or no broker could be reached.
        :raises TimeoutError: in doubt; the repeat, with the same ids, is harmless.
        """
        if not outputs:
            return
        producer = self.broker.config.broker_config.producer
        if producer is self._producer:
            await self._producer.send(outputs, PUBLISH_TIMEOUT_S if timeout is None else timeout)
        else:  # TestKafkaBroker put its own in
            await self._publish_in_memory(outputs)

    async def ping(self, timeout: float = 3.0) -> bool:
        """Whether a broker answers now."""
        return await self._producer.ping(timeout)

    async def _publish_in_memory(self, outputs: Sequence[Output]) -> None:
        for out in outputs:
            headers = {name: value.decode("latin-1") for name, value in out.headers}
            await self.broker.publish(out.value, topic=out.topic, key=out.key, headers=headers)

    # -- life --------------------------------------------------------------------------------
    async def start(self) -> None:
        """Connect and join the groups.

        While no broker can be reached it goes on trying in the background, and :meth:`ready` says
        so: what the process can do without Kafka it does.
        """
        quieten()
        self._starting = asyncio.create_task(self._start(), name=f"start-{self._client_id}")
        done, _ = await asyncio.wait([self._starting], timeout=START_PATIENCE_S)
        if done:
            self._starting.result()

    async def stop(self) -> None:
        """Drain: running batches finish and are committed, queued outputs are flushed. <= 5 s."""
        if self._starting is not None and not self._starting.done():
            self._starting.cancel()
            await asyncio.wait([self._starting], timeout=0.5)
        self._trouble = "stopped"
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_S):
                await self.broker.stop()

    def ready(self) -> str | None:
        """None when every stage has its assignment and works; else one sentence."""
        if self.reason is not None:
            return self.reason
        if self._trouble is not None:
            return f"{self.lane.value} lane: {self._trouble}"
        for stage in self._stages:
            name = stage.runner.spec.name
            if (what := stage.waiting_for) is not None:
                return f"{name}: waiting_for={what}"
            if not stage.joined:
                return f"{name}: waits for its partitions"
        return None

    async def _start(self) -> None:
        attempt = 0
        while True:
            try:
                await self.broker.connect()
                await self._join()
                await self.broker.start()  # the rest of what FastStream does; they run already
            except (KafkaError, OSError) as error:
                self._trouble = "waiting_for=kafka"
                if attempt in (0, 3, 10) or attempt % 60 == 0:
                    log.warning(
                        "broker.waiting",
                        waiting_for="kafka",
                        lane=self.lane.value,
                        error=type(error).__name__,
                    )
                await asyncio.sleep(_BACK_OFF_S[min(attempt, len(_BACK_OFF_S) - 1)])
                attempt += 1
            else:
                self._trouble = None
                return

    async def _join(self) -> None:
        """All groups at once: a join takes up to seconds, and FastStream joins one by one."""
        joins = [stage.start() for stage in self._stages]
        for failure in await asyncio.gather(*joins, return_exceptions=True):
            if failure is not None:
                raise failure

    def _failed(self, reason: str) -> None:
        if self.reason is None:
            self.reason = reason
        self.failed.set()

    # -- parts -------------------------------------------------------------------------------
    def _build(self) -> KafkaBroker:
        arguments = connection(self._kafka, self._client_id)
        common = (
            "bootstrap_servers",
            "client_id",
            "request_timeout_ms",
            "retry_backoff_ms",
            "metadata_max_age_ms",
        )
        return KafkaBroker(
            **{name: arguments[name] for name in common},
            **producing(),
            security=security(self._kafka),
            allow_auto_create_topics=False,
            graceful_timeout=None,
            # Its records quote messages; ours are written by the stage, without personal data.
            logger=None,
        )

    def _make_producer(self) -> AIOKafkaProducer:
        return AIOKafkaProducer(**connection(self._kafka, self._client_id), **producing())


class _NoAdmin(AdminService):
    """Topics are created by ``handraise topics apply``: no connection is kept for it here."""

    async def connect(self, **connection_kwargs: Any) -> None:
        return None
