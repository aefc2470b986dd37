"""The FastStream subscriber whose loop is ours.

FastStream declares it (AsyncAPI, ``TestKafkaBroker``) and builds its consumer. Polling, offsets,
pauses, revocations, drain and the watchdog are here; a batch itself is the runner's.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import (
    CommitFailedError,
    ConsumerStoppedError,
    IllegalStateError,
    KafkaError,
)
from faststream import Response
from faststream.kafka.subscriber.usecase import BatchSubscriber

from schemas.base import Lane
from services.runtime.stage.classify import WaitingFor
from services.runtime.stage.gate import LaneGate
from services.runtime.stage.hosts import DirectHost, EpochHost
from services.runtime.stage.observe import Observer
from services.runtime.stage.offsets import OffsetNotes
from services.runtime.stage.runner import StageRunner
from services.runtime.stage.spec import Abandoned, StageStopped

if TYPE_CHECKING:
    from faststream.specification.schema import SubscriberSpec

log = structlog.get_logger(__name__)

COMMIT_PERIOD_S: Final = 0.05
COMMIT_TIMEOUT_S: Final = 3.0
"""A commit hangs for as long as the broker is away; the consumer stays healthy if it is left."""
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
    epoch: int
    """Counts assignments; a batch of an older one is stale."""
    ahead: Records
    """Polled while paused, to be taken next."""
    at_hand: Records
    paused: bool
    poll_failing: bool
    broker_silent: bool
    """No fetch was answered for a while; found by the observer."""
    beat_at: float
    """Monotonic seconds of the last sign of life."""
    taken_at: float
    """Monotonic seconds at which the position last moved."""
    notes: OffsetNotes
    busy: asyncio.Lock
    """Held while a batch runs."""
    committing: asyncio.Lock
    dirty: asyncio.Event
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
            self.add_task(self._commit_loop)
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
            with contextlib.suppress(Exception):
                async with asyncio.timeout(LEAVE_S):
                    await consumer.stop()

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

    async def _poll_failed(self, error: KafkaError, failures: int) -> None:
        self.poll_failing = True
        self.beat()
        self.runner.telemetry.retried("kafka")
        log.warning("stage.poll_failed", stage=self.runner.spec.name, error=type(error).__name__)
        await asyncio.sleep(_BACK_OFF_S[min(failures, len(_BACK_OFF_S) - 1)])

    async def _take(self, consumer: AIOKafkaConsumer) -> Records:
        """What is there now; waits for the first record only, never for more."""
        if self.ahead:
            batch, self.ahead = self.ahead, ()
            return batch
        got = await consumer.getmany(
            timeout_ms=int(POLL_S * 1000), max_records=self.runner.spec.max_records
        )
        self.beat()
        if not got:
            return ()
        self.taken_at = self.beat_at
        if len(got) == 1:
            return tuple(next(iter(got.values())))
        return tuple(record for records in got.values() for record in records)

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

    # -- offsets -----------------------------------------------------------------------------
    def note(self, records: Sequence[ConsumerRecord], epoch: int) -> None:
        self.beat()
        if epoch == self.epoch:
            self.notes.note(records)
            self.dirty.set()

    async def _commit_loop(self) -> None:
        while True:
            await self.dirty.wait()
            self.dirty.clear()
            await asyncio.sleep(COMMIT_PERIOD_S)
            await self.commit()

    async def commit(self, timeout: float = COMMIT_TIMEOUT_S) -> None:
        """Commit what is finished; never raises for what a rebalance or an outage does."""
        async with self.committing:
            if self.consumer is None or not self.notes:
                return
            epoch, offsets = self.epoch, self.notes.take()
            try:
                async with asyncio.timeout(timeout):
                    await self.consumer.commit(offsets)
            except (CommitFailedError, IllegalStateError):
                # The partitions went elsewhere: whoever has them starts from the last commit.
                self.runner.telemetry.commit_lost("rebalance")
            except (KafkaError, TimeoutError) as error:
                timed_out = isinstance(error, TimeoutError)
                self.runner.telemetry.commit_lost("timeout" if timed_out else "kafka")
                if epoch == self.epoch:
                    self.notes.restore(offsets)
                    self.dirty.set()

    # -- revocation and drain ----------------------------------------------------------------
    async def _quiesce(self) -> None:
        """Let the running batch finish, then commit. Bounded; at once where it only waits."""
        if self.runner.waiting_for is None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DRAIN_S), self.busy:
                    pass
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_COMMIT_S):  # an earlier commit may hold the lock
                await self.commit()

    async def revoked(self) -> None:
        """The partitions go; polls block until the next assignment, so no new batch begins."""
        await self._quiesce()
        self.epoch += 1  # a batch that still runs is stale from here on and notes nothing
        self.notes.forget()
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


class Rebalance(ConsumerRebalanceListener):
    """Hands aiokafka's callbacks to the subscriber, which does not exist yet at declaration."""

    subscriber: StageSubscriber

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        if revoked:
            await self.subscriber.revoked()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        self.subscriber.assigned()


def adopt(
    subscriber: BatchSubscriber,
    runner: StageRunner[Any],
    gate: LaneGate,
    on_failure: Callable[[str], None],
    broker_answers: Callable[[], Awaitable[bool]],
) -> StageSubscriber:
    """Give the subscriber that FastStream declared our loop.

    Its class is the one private touch: ``broker.subscriber`` offers no way to say which class it
    should build.
    """
    subscriber.__class__ = StageSubscriber
    assert isinstance(subscriber, StageSubscriber)
    subscriber.runner, subscriber.gate, subscriber.on_failure = runner, gate, on_failure
    subscriber.observer = Observer(subscriber, broker_answers)
    subscriber.failure, subscriber.joined, subscriber.epoch = None, False, 0
    subscriber.notes = OffsetNotes()
    subscriber.busy, subscriber.committing = asyncio.Lock(), asyncio.Lock()
    subscriber.dirty = asyncio.Event()
    subscriber.ahead, subscriber.at_hand = (), ()
    subscriber.paused = subscriber.poll_failing = subscriber.broker_silent = False
    subscriber.beat_at = subscriber.taken_at = time.monotonic()
    subscriber._live = runner.spec.lane is Lane.LIVE
    return subscriber
