"""Keeps the books while the topics are read: shared by the demo and the replay."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from uuid import UUID

from aiokafka import AIOKafkaConsumer

from schemas.assignment import AssignmentChanged
from schemas.submission import SubmissionQuarantined
from services.cli import bus
from services.cli.bus import Seen
from services.cli.ends import Books
from services.runtime.settings import KafkaSettings

OnSeen = Callable[[Seen, float], None]


class Bookkeeper:
    """Reads every topic on which a submission can end; ``on_seen`` hears of each record too."""

    def __init__(self, books: Books, on_seen: OnSeen | None = None) -> None:
        self.books = books
        self._on_seen = on_seen
        self._booked = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def reading(self, kafka: KafkaSettings) -> AsyncIterator[asyncio.Task[None]]:
        """Reads from now on, in the background; the task ends only by an error."""
        # A lead that somebody owns already is merged, not assigned.
        async for event in bus.standing(kafka):
            self.books.met(event)
        async with bus.reader(kafka, bus.END_TOPICS) as consumer:
            task = self._task = asyncio.create_task(self._read(consumer))
            task.add_done_callback(lambda _: self._booked.set())
            try:
                yield task
            finally:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    async def settled(self, quiet_s: float) -> bool:
        """Waits until every accepted submission has its end; False after ``quiet_s`` without one.

        :raises Exception: what keeps the topics from being read.
        """
        loop = asyncio.get_running_loop()
        left, deadline = len(self.books.unaccounted), loop.time() + quiet_s
        while left:
            self._booked.clear()
            if self._task is not None and self._task.done():
                self._task.result()
            try:
                async with asyncio.timeout_at(deadline):
                    await self._booked.wait()
            except TimeoutError:
                return False
            before, left = left, len(self.books.unaccounted)
            if left < before:
                deadline = loop.time() + quiet_s
        return True

    async def _read(self, consumer: AIOKafkaConsumer) -> None:
        while True:
            got = await consumer.getmany(timeout_ms=500)
            now = time.time()
            for record in (one for records in got.values() for one in records):
                self._book(bus.understand(record), now)
            if got:
                self._booked.set()

    def _book(self, seen: Seen | None, now: float) -> None:
        match seen:
            case AssignmentChanged():
                self.books.assignment(seen, now)
            case SubmissionQuarantined():
                self.books.quarantined(seen)
            case bus.DeadLettered(submission_id=UUID() as submission_id):
                self.books.dead_lettered(submission_id)
        if seen is not None and self._on_seen is not None:
            self._on_seen(seen, now)
