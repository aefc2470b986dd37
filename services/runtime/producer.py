"""One idempotent producer per lane, replaced whenever it may be poisoned.

aiokafka's idempotent producer fails for good once one of its batches was given up (a time-out, a
refused record): its sequence number stays used and every later batch gets
``OutOfOrderSequenceNumber`` (aiokafka #1017). It also waits without bound while no broker answers.
So every wait here is bounded, and after any failure the producer is thrown away with all that it
still had queued; the next publish connects a new one. What was given up may be in the log or not;
whoever publishes retries, and the ids make the repeat harmless.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    ProducerClosed,
)
from faststream.kafka.publisher.producer import AioKafkaFastProducerImpl
from faststream.kafka.publisher.state import EmptyProducerState, RealProducer

from services.runtime.deadlines import Deadlines, promptly
from services.runtime.kafka_client import MAX_RECORD_BYTES
from services.runtime.partitions import partition_of
from services.runtime.records import Output

PUBLISH_TIMEOUT_S: Final = 5.0
_CONNECT_TIMEOUT_S: Final = 3.0
_CLOSE_TIMEOUT_S: Final = 2.0


class OutputTooLarge(ValueError):
    """An output over :data:`~services.runtime.kafka_client.MAX_RECORD_BYTES`; nothing was sent."""

    def __init__(self, topic: str, size: int) -> None:
        super().__init__(f"output for {topic} has {size} bytes, at most {MAX_RECORD_BYTES} go")


def check_sizes(outputs: Sequence[Output]) -> None:
    """Find an output that no topic takes before anything is sent or stored.

    :raises OutputTooLarge: for the first such output.
    """
    for out in outputs:
        if out.size > MAX_RECORD_BYTES:
            raise OutputTooLarge(out.topic, out.size)


class LaneProducer(AioKafkaFastProducerImpl):
    """The producer under a FastStream broker, with a replacement at hand."""

    def __init__(self, make: Callable[[], AIOKafkaProducer]) -> None:
        super().__init__(None, None)
        self._make = make
        self._raw: AIOKafkaProducer | None = None
        self._deadlines = Deadlines()
        self._connecting = asyncio.Lock()
        self._closing: set[asyncio.Task[None]] = set()
        self._stopped = False

    # -- the life that FastStream gives it ---------------------------------------------------
    async def connect(self, producer: AIOKafkaProducer, serializer: Any, codec: Any = None) -> None:
        self._stopped = False
        await _close(producer, _CLOSE_TIMEOUT_S)  # FastStream's own, never started
        self.serializer = serializer
        if codec is not None:
            self.codec = codec
        await self._connected()

    async def disconnect(self) -> None:
        """Flush what is queued, bounded, and close."""
        self._stopped = True
        raw, self._raw = self._raw, None
        self._producer = EmptyProducerState()
        if raw is not None:
            await _close(raw, _CLOSE_TIMEOUT_S)
        if self._closing:
            await asyncio.wait(self._closing, timeout=_CLOSE_TIMEOUT_S)

    # -- publishing --------------------------------------------------------------------------
    async def send(self, outputs: Sequence[Output], timeout: float) -> None:
        """Publish all, one batch per partition, and wait for every acknowledgement.

        :raises KafkaError: the broker refused, or none could be reached.
        :raises TimeoutError: no answer in ``timeout`` seconds; each output is in doubt.
        """
        raw = self._raw
        if raw is None:
            raw = await self._connected()
        try:
            if len(outputs) == 1:
                await self._send_one(raw, outputs[0], timeout)
            else:
                await _send(raw, outputs, timeout)
        except (KafkaError, TimeoutError):
            self._retire(raw)
            raise

    async def _send_one(self, raw: AIOKafkaProducer, out: Output, timeout: float) -> None:
        """As :func:`_send` for one, which is what a request publishes: it shares a timer."""
        known = raw.client.cluster.partitions_for_topic(out.topic)
        if known is None:
            await _send(raw, [out], timeout)
            return
        partition = partition_of(out.key, range(len(known)))
        deadline = asyncio.get_running_loop().time() + timeout
        try:
            ack = await promptly(_queue(raw, out, partition), timeout)
            await self._deadlines.wait(ack, deadline)
        except TimeoutError as error:
            raise TimeoutError(f"no acknowledgement within {timeout:g} s") from error

    async def ping(self, timeout: float = 3.0) -> bool:
        """Whether a broker answers now; connects where no connection is."""
        try:
            async with asyncio.timeout(timeout):
                raw = self._raw or await self._connected()
                return bool(await raw.client.force_metadata_update())
        except (KafkaError, OSError):
            return False

    # -- replacement -------------------------------------------------------------------------
    async def _connected(self) -> AIOKafkaProducer:
        async with self._connecting:
            if self._stopped:
                raise ProducerClosed
            if self._raw is None:
                raw = self._make()
                try:
                    async with asyncio.timeout(_CONNECT_TIMEOUT_S):
                        await raw.start()
                except BaseException as error:
                    await _close(raw, _CLOSE_TIMEOUT_S)
                    if isinstance(error, TimeoutError):
                        raise KafkaConnectionError("no broker answered in time") from error
                    raise
                self._raw = raw
                self._producer = RealProducer(raw)
            return self._raw

    def _retire(self, raw: AIOKafkaProducer) -> None:
        if self._raw is not raw:
            return
        self._raw = None
        self._producer = EmptyProducerState()
        task = asyncio.create_task(_abandon(raw))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


async def _send(raw: AIOKafkaProducer, outputs: Sequence[Output], timeout: float) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    acks: list[asyncio.Future[Any]] = []
    try:
        async with asyncio.timeout_at(deadline):
            for (topic, partition), group in (await _by_partition(raw, outputs)).items():
                await _enqueue(raw, topic, partition, group, acks)  # waits while a queue is full
            if acks:
                # It leaves them as they are: aiokafka fails on one that was cancelled.
                await asyncio.wait(acks)
    except TimeoutError as error:
        raise TimeoutError(f"no acknowledgement within {timeout:g} s") from error
    finally:
        failures = _take_failures(acks)
    if failures:
        raise failures[0]


def _queue(
    raw: AIOKafkaProducer, out: Output, partition: int
) -> Coroutine[Any, Any, asyncio.Future[Any]]:
    """Alone it may join what other tasks have queued for the partition: under load their records
    travel together instead of one request after the other."""
    queueing: Coroutine[Any, Any, asyncio.Future[Any]] = raw.send(
        out.topic, out.value, key=out.key, partition=partition, headers=list(out.headers)
    )
    return queueing


def _take_failures(acks: Sequence[asyncio.Future[Any]]) -> list[BaseException]:
    """The errors so far; those that come later are taken too, so that asyncio does not complain."""
    failures: list[BaseException] = []
    for future in acks:
        if not future.done():
            future.add_done_callback(lambda late: late.cancelled() or late.exception())
        elif (error := future.exception()) is not None:
            failures.append(error)
    return failures


async def _by_partition(
    raw: AIOKafkaProducer, outputs: Sequence[Output]
) -> dict[tuple[str, int], list[Output]]:
    groups: dict[tuple[str, int], list[Output]] = {}
    known: dict[str, Sequence[int]] = {}
    for out in outputs:
        partitions = known.get(out.topic)
        if partitions is None:
            # They are numbered from 0.
            partitions = known[out.topic] = range(len(await raw.partitions_for(out.topic)))
        place = (out.topic, partition_of(out.key, partitions))
        groups.setdefault(place, []).append(out)
    return groups


async def _enqueue(
    raw: AIOKafkaProducer,
    topic: str,
    partition: int,
    group: list[Output],
    acks: list[asyncio.Future[Any]],
) -> None:
    if len(group) == 1:
        acks.append(await _queue(raw, group[0], partition))
        return
    batch = raw.create_batch()
    for out in group:
        fits = batch.append(key=out.key, value=out.value, timestamp=None, headers=list(out.headers))
        if fits is None:
            acks.append(await raw.send_batch(batch, topic, partition=partition))
            batch = raw.create_batch()
            if (
                batch.append(
                    key=out.key, value=out.value, timestamp=None, headers=list(out.headers)
                )
                is None
            ):
                raise MessageSizeTooLargeError(f"a record for {topic} fits no batch")
    acks.append(await raw.send_batch(batch, topic, partition=partition))


async def _abandon(raw: AIOKafkaProducer) -> None:
    """Fail all that is queued at once, then close the connections.

    Letting it finish would put old records behind newer ones of a fresh producer.
    """
    with contextlib.suppress(Exception):
        queue = raw._message_accumulator
        batches = [*itertools.chain(*queue._batches.values()), *queue._pending_batches]
        queue.fail_all(KafkaTimeoutError("the producer was replaced"))
        # aiokafka fails this one as well, and waits for it only where a queue is full.
        _take_failures([batch._drain_waiter for batch in batches])
    with contextlib.suppress(Exception):
        async with asyncio.timeout(_CLOSE_TIMEOUT_S):
            await raw._sender.close()
    await _close(raw, _CLOSE_TIMEOUT_S)


async def _close(raw: AIOKafkaProducer, timeout: float) -> None:
    with contextlib.suppress(Exception):
        async with asyncio.timeout(timeout):
            await raw.stop()
    with contextlib.suppress(Exception):
        async with asyncio.timeout(timeout):
            await raw.client.close()
