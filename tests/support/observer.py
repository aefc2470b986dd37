"""An outside observer of the bus: a bare aiokafka consumer, with none of our code in it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from tests.support.waiting import PATIENCE

_POLL_MS = 200


@dataclass(frozen=True, slots=True)
class Seen:
    """One record as it lay in the log."""

    topic: str
    partition: int
    offset: int
    at: float
    """When it was appended, seconds since the epoch."""
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]

    def header(self, name: str) -> str | None:
        """A header's text; of several of the name the last."""
        return {key: value.decode("utf-8", "replace") for key, value in self.headers}.get(name)


@dataclass(slots=True)
class Observer:
    """What was seen so far; made by :func:`observing`."""

    records: list[Seen] = field(default_factory=list)
    _more: asyncio.Condition = field(default_factory=asyncio.Condition)

    def of(self, topic: str) -> list[Seen]:
        """The records of one topic, in the order of their arrival here."""
        return [record for record in self.records if record.topic == topic]

    async def until(
        self, check: Callable[[], bool], timeout: float = 30.0, what: str | Callable[[], str] = ""
    ) -> None:
        """Returns when ``check()`` holds; it is asked after every batch of new records.

        :raises AssertionError: after ``PATIENCE * timeout`` seconds, with ``what``.
        """
        try:
            async with asyncio.timeout(PATIENCE * timeout), self._more:
                while not check():
                    await self._more.wait()
        except TimeoutError:
            said = what if isinstance(what, str) else what()
            late = f"not on the bus within {PATIENCE * timeout:g} s"
            raise AssertionError(f"{late}: {said}") from None

    async def first(
        self, topic: str, wanted: Callable[[Seen], bool], timeout: float = 30.0
    ) -> Seen:
        """The first record of a topic that is ``wanted``; waits for it."""

        def found() -> list[Seen]:
            return [record for record in self.of(topic) if wanted(record)]

        await self.until(lambda: bool(found()), timeout, f"a certain record of {topic}")
        return found()[0]

    async def _add(self, new: Sequence[Seen]) -> None:
        async with self._more:
            self.records.extend(new)
            self._more.notify_all()


@contextlib.asynccontextmanager
async def observing(bootstrap: str, topics: Sequence[str]) -> AsyncIterator[Observer]:
    """Reads the topics from their first record on, until the block ends; outlives outages."""
    # It says eleven thousand times a second that no broker is there; the tests know.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    consumer = AIOKafkaConsumer(
        *topics,
        bootstrap_servers=bootstrap,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        fetch_max_wait_ms=20,
        metadata_max_age_ms=5_000,
    )
    observer = Observer()
    await consumer.start()
    reading = asyncio.create_task(_read(consumer, observer))
    try:
        yield observer
        assert not reading.done(), f"the observer ended: {reading.exception()!r}"
    finally:
        reading.cancel()
        # Gathered: with the broker away `stop` raises the CancelledError of a task inside it.
        await asyncio.gather(reading, return_exceptions=True)
        await asyncio.gather(consumer.stop(), return_exceptions=True)


async def _read(consumer: AIOKafkaConsumer, observer: Observer) -> None:
    while True:
        try:
            got = await consumer.getmany(timeout_ms=_POLL_MS)
        except KafkaError:  # the broker is away; the consumer looks for it by itself
            await asyncio.sleep(_POLL_MS / 1000)
            continue
        new = [
            Seen(
                record.topic,
                record.partition,
                record.offset,
                record.timestamp / 1000,
                record.key,
                record.value,
                tuple(record.headers),
            )
            for records in got.values()
            for record in records
        ]
        if new:
            await observer._add(new)
