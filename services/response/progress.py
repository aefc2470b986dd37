"""Up to when everything was read: what must be known before a clock may fire.

Each half second the database's time is noted with the ends of our partitions. Once all below such
an end is handled, nothing that was told before that time is unread. No clock but the database's
counts, and no record's own time.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import asyncpg
import structlog
from aiokafka.errors import KafkaError

from services.response.store import feeds
from services.runtime.database import is_infrastructure
from services.runtime.stage.reading import Partition, Reading

PERIOD_S: Final = 0.5
_MOST_NOTES: Final = 240
NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)

log = structlog.get_logger(__name__)


class Notes:
    """Times with the ends that the partitions had then; pure."""

    def __init__(self) -> None:
        self._ends: deque[tuple[datetime, Mapping[Partition, int]]] = deque()

    def add(self, at: datetime, ends: Mapping[Partition, int]) -> None:
        """Every second one is forgotten while a backlog is read: coarser, never wrong."""
        self._ends.append((at, ends))
        if len(self._ends) > _MOST_NOTES:
            self._ends = deque(list(self._ends)[::2])

    def read_until(self, finished: Mapping[Partition, int]) -> dict[Partition, datetime]:
        """Per partition the newest noted time before which all is handled."""
        found: dict[Partition, datetime] = {}
        for at, ends in self._ends:
            for partition, end in ends.items():
                if finished.get(partition, -1) >= end:
                    found[partition] = at
        while self._ends and all(
            found.get(partition, NEVER) >= self._ends[0][0] for partition in self._ends[0][1]
        ):
            self._ends.popleft()
        return found


class Progress:
    """The background task; each process speaks of the partitions that it has."""

    def __init__(self, pool: asyncpg.Pool, stages: Sequence[Reading]) -> None:
        self._pool = pool
        self._stages = [(reading, Notes()) for reading in stages]

    async def run(self) -> None:
        """Note and store until cancelled."""
        while True:
            try:
                await self.once()
            except (KafkaError, TimeoutError) as error:
                log.info("progress.waiting", waiting_for="kafka", error=type(error).__name__)
            except Exception as error:
                if not is_infrastructure(error):
                    raise
                log.info("progress.waiting", waiting_for="postgres", error=type(error).__name__)
            await asyncio.sleep(PERIOD_S)

    async def once(self) -> None:
        """One round."""
        until: dict[Partition, datetime] = {}
        async with self._pool.acquire() as connection:  # one time, older than all the ends
            at = await feeds.database_time(connection)
        for reading, notes in self._stages:
            ends = await reading.ends()
            positions = await reading.positions()
            if ends:
                notes.add(at, ends)
            until |= dict.fromkeys(positions.known, NEVER)
            until |= notes.read_until(positions.finished)
        if until:
            async with self._pool.acquire() as connection:
                await feeds.read(connection, until)
