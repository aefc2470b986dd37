"""The FastStream subscriber whose loop is ours.

FastStream declares it (AsyncAPI, ``TestKafkaBroker``) and builds its consumer. Polling, offsets,
pauses, revocations, drain and the watchdog are here; a batch itself is the runner's.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.errors import ConsumerStoppedError, KafkaError
from faststream import Response
from faststream.kafka.subscriber.usecase import BatchSubscriber

from services.runtime.kafka_client import close
from services.runtime.stage.classify import WaitingFor
from services.runtime.stage.commits import Commits
from services.runtime.stage.gate import LaneGate
from services.runtime.stage.hosts import DirectHost, EpochHost
from services.runtime.stage.observe import Observer
from services.runtime.stage.runner import StageRunner
from services.runtime.stage.spec import Abandoned, StageStopped

if TYPE_CHECKING:
    from faststream.specification.schema import SubscriberSpec

log = structlog.get_logger(__name__)

POLL_S: Final = 1.0
DRAIN_S: Final = 3.0
"""What a running batch gets on a stop or a revocation, of the five seconds of a drain."""
LAST_COMMIT_S: Final = 0.7
LEAVE_S: Final = 0.5
_BACK_OFF_S: Final = (0.05, 0.1, 0.2, 0.5, 1.0)

Records = tuple[ConsumerRecord, ...]
_no_gate = contextlib.nullcontext()


class StageSubscriber(BatchSubscriber):
    """Made of what ``broker.subscriber(batch=True)`` returned, by :func:`adopt`."""

    runner: StageRunner[Any]
    gate: LaneGate
    observer: Observer
    on_failure: Callable[[str], None]
    failure: str | None
    """Why the stage took itself down."""
    joined: bool
    """It has an assignment, maybe an empty one."""
    commits: Commits
    ahead: Records
    """Polled while paused, to be taken next."""
    at_hand: Records
    taken: Records
    """Polled and not finished; set before anybody else can see the position that follows them."""
    paused: bool
    fetch_waits: tuple[int, int] | None
    """Of the in-process broker: how long a fetch is parked, in ms, while records come and after a
    second without any."""
    poll_failing: bool
    broker_silent: bool
    """No fetch was answered for a while; found by the observer."""
    beat_at: float
    """Monotonic seconds of the last sign of life."""
    taken_at: float
    """Monotonic seconds at which the position last moved."""
    busy: asyncio.Lock
    """Held while a batch runs."""
    _live: bool

    # -- life --------------------------------------------------------------------------------
    async def start(self) -> None:
        """Join the group. Safe to repeat after a failure.

        :raises KafkaError: no broker, or the topics do not exist.
        """
        if self.consumer is not None and self.running:
            return
        try:
            await super().start()
        except BaseException:
            await self._close_consumer()
            raise
        if self.consumer is not None and hasattr(self.consumer, "getmany"):
            self.beat()
            self.add_task(self.commits.run, (self.consumer,))
            self.add_task(self.observer.run)

    async def stop(self) -> None:
        """Finish the running batch if it ends in time, commit, leave. Under five seconds."""
        self.running = False
        if self.consumer is not None and self.joined:
            await self._quiesce()
        tasks, self.tasks = self.tasks, []
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=0.2)
        await self._close_consumer()

    async def _close_consumer(self) -> None:
        consumer, self.consumer, self.joined = self.consumer, None, False
        if consumer is not None:
            await close(consumer, LEAVE_S)

    def fail(self, reason: str) -> None:
        """Take the stage down, for good."""
        if self.failure is None:
            self.failure, self.running = reason, False
            log.error("stage.failed", stage=self.runner.spec.name, reason=reason)
            self.on_failure(reason)

    # -- the loop ----------------------------------------------------------------------------
    async def _run_consume_loop(self, consumer: AIOKafkaConsumer) -> None:
        failures = 0
        while self.running:
            try:
                batch = await self._take(consumer)
            except ConsumerStoppedError:
                return
            except KafkaError as error:
                # An authorisation error is raised again at every poll: never without a pause.
                await self._poll_failed(error, failures)
                failures += 1
                continue
            if failures:
                failures = 0
                self.poll_failing = False
                self.runner.telemetry.shown(None)
            if batch:
                epoch = self.epoch  # before anything is awaited: a revocation makes it stale
                if not self._live:
                    await self.gate.turn()
                await self._work(batch, epoch)
                self.taken = ()
                spec = self.runner.spec
                if spec.rest_s and len(batch) < spec.max_records:
                    await asyncio.sleep(spec.rest_s)

    async def _poll_failed(self, error: KafkaError, failures: int) -> None:
        self.poll_failing = True
        self.beat()
        self.runner.telemetry.retried("kafka")
        log.warning("stage.poll_failed", stage=self.runner.spec.name, error=type(error).__name__)
        await asyncio.sleep(_BACK_OFF_S[min(failures, len(_BACK_OFF_S) - 1)])

    async def _take(self, consumer: AIOKafkaConsumer) -> Records:
        """What is there now; waits for the first record only, never for more."""
        if self.ahead:
            self.taken, self.ahead = self.ahead, ()
            return self.taken
        got = await consumer.getmany(
            timeout_ms=int(POLL_S * 1000), max_records=self.runner.spec.max_records
        )
        self.beat()
        if self.fetch_waits is not None:
            # Read anew for each fetch; aiokafka has no other way to change it.
            consumer._fetcher._fetch_max_wait_ms = self.fetch_waits[not got]
        if not got:
            return ()
        self.taken_at = self.beat_at
        self.taken = tuple(record for records in got.values() for record in records)
        return self.taken

    async def _work(self, batch: Records, epoch: int) -> None:
        async with self.busy:
            if not self.running or epoch != self.epoch:
                return  # revoked or stopped before it began; it comes again
            self.runner.telemetry.taken(len(batch))
            self.at_hand = batch
            try:
                with self.gate.live() if self._live else _no_gate:
                    await self.runner.run(batch, EpochHost(self, epoch))
            except Abandoned:
                log.info("stage.abandoned", stage=self.runner.spec.name, records=len(batch))
            except StageStopped as stopped:
                self.fail(str(stopped))
            except Exception as error:
                # The runner ends every batch in one of the ways above: this is a fault of ours.
                log.exception("stage.runner_failed", stage=self.runner.spec.name)
                self.fail(f"{self.runner.spec.name} stopped: {type(error).__name__} in the runner")
            finally:
                self.at_hand = ()
                self._resume()
                self.beat()
                self.runner.telemetry.batch_line()

    @property
    def waiting_for(self) -> WaitingFor | None:
        """What the stage waits for outside, while it does."""
        return "kafka" if self.poll_failing or self.broker_silent else self.runner.waiting_for

    @property
    def retrying(self) -> bool:
        """Whether it is repeating something and says so."""
        return self.poll_failing or self.runner.waiting_for is not None

    @property
    def epoch(self) -> int:
        """Which assignment this is; a batch of an older one is stale."""
        return self.commits.epoch

    def note(self, records: Sequence[ConsumerRecord], epoch: int) -> None:
        self.beat()
        self.commits.note(records, epoch)

    def beat(self) -> None:
        self.beat_at = time.monotonic()

    # -- pausing while something outside is down ---------------------------------------------
    async def poll_paused(self, seconds: float) -> None:
        """Keep the membership alive without taking records; a rebalance may bring some anyway."""
        until = time.monotonic() + seconds
        consumer = self.consumer
        if consumer is not None:
            self.paused = True
            consumer.pause(*consumer.assignment())
            with contextlib.suppress(KafkaError):
                got = await consumer.getmany(
                    timeout_ms=max(1, int(seconds * 1000)),
                    max_records=self.runner.spec.max_records,
                )
                self.ahead += tuple(record for records in got.values() for record in records)
        self.beat()
        if (rest := until - time.monotonic()) > 0:
            await asyncio.sleep(rest)

    def _resume(self) -> None:
        if self.paused and self.consumer is not None:
            self.consumer.resume(*self.consumer.paused())
        self.paused = False

    # -- revocation and drain ----------------------------------------------------------------
    async def _quiesce(self) -> None:
        """Let the running batch finish, then commit. Bounded; at once where it only waits."""
        if self.runner.waiting_for is None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DRAIN_S), self.busy:
                    pass
        if self.consumer is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LAST_COMMIT_S):  # an earlier commit may hold the lock
                    await self.commits.commit(self.consumer)

    async def revoked(self) -> None:
        """The partitions go; polls block until the next assignment, so no new batch begins."""
        await self._quiesce()
        self.commits.revoke()
        self.joined = False
        self.ahead = ()

    def assigned(self) -> None:
        self.joined = True
        self.beat()
        self.taken_at = self.beat_at

    # -- FastStream's other entries ----------------------------------------------------------
    async def process_message(self, msg: Any) -> Response:
        """Entry of ``TestKafkaBroker``: no consumer, no offsets, errors go to the caller."""
        await self.runner.run(tuple(msg), DirectHost())
        return Response(None)

    def schema(self) -> dict[str, SubscriberSpec]:
        """A record is one event; FastStream would describe the batch, an array."""
        described = super().schema()
        for channel in described.values():
            channel.operation.message.payload = self.runner.spec.model.model_json_schema()
        return described
