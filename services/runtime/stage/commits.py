"""Commits what is finished, off the hot path, and only for the assignment that finished it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from services.runtime.stage.offsets import OffsetNotes
from services.runtime.stage.telemetry import StageTelemetry

PERIOD_S: Final = 0.2
"""Each commit is a write of the broker. A crash repeats at most this much finished work."""
TIMEOUT_S: Final = 3.0
"""A commit hangs for as long as the broker is away; the consumer stays healthy if it is left."""


class Commits:
    """The finished offsets of one consumer."""

    def __init__(self, telemetry: StageTelemetry) -> None:
        self.epoch = 0
        """Counts assignments; what a batch of an older one finished is not committed."""
        self._notes = OffsetNotes()
        self._dirty = asyncio.Event()
        self._lock = asyncio.Lock()
        self._telemetry = telemetry

    def note(self, records: Sequence[ConsumerRecord], epoch: int) -> None:
        """These are finished, in the assignment that ``epoch`` counts."""
        if epoch == self.epoch:
            self._notes.note(records)
            self._dirty.set()

    def revoke(self) -> None:
        """The partitions go: a batch that still runs is stale from here on and notes nothing."""
        self.epoch += 1
        self._notes.forget()

    async def run(self, consumer: AIOKafkaConsumer) -> None:
        """Commit at most every 200 ms, while there is something to commit, until cancelled."""
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            await asyncio.sleep(PERIOD_S)
            await self.commit(consumer)

    async def commit(self, consumer: AIOKafkaConsumer, timeout: float = TIMEOUT_S) -> None:
        """Commit now; never raises for what a rebalance or an outage does."""
        async with self._lock:
            if not self._notes:
                return
            epoch, offsets = self.epoch, self._notes.take()
            try:
                async with asyncio.timeout(timeout):
                    await consumer.commit(offsets)
            except (CommitFailedError, IllegalStateError):
                # The partitions went elsewhere: whoever has them starts from the last commit.
                self._telemetry.commit_lost("rebalance")
            except (KafkaError, TimeoutError) as error:
                timed_out = isinstance(error, TimeoutError)
                self._telemetry.commit_lost("timeout" if timed_out else "kafka")
                if epoch == self.epoch:
                    self._notes.restore(offsets)
                    self._dirty.set()
