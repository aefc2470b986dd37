"""Acceptance into Postgres: behind Kafka, or before it where the broker forgets.

The in-process broker keeps little and forgets on exit. So with it every submission is stored here
first, stays until its end was seen on the bus, and what is unfinished is bounded. An activity or a
signal has no end: it stays for ten minutes, and is published again should the broker start anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

import asyncpg
import structlog

from schemas import topics
from schemas.base import Lane
from services.capture.handed import Handed
from services.capture.store import spool as store
from services.capture.store.spool import Spooled
from services.runtime.database import is_infrastructure
from services.runtime.partitions import partition_of

log = structlog.get_logger(__name__)

PUT_TIMEOUT_S: Final = 0.9
LOOK_AGAIN: Final = timedelta(seconds=10)
"""How old an input without an end is when it is published again, with the in-process broker."""
MAX_OPEN: Final = 500
MAX_OPEN_BYTES: Final = 1_000_000
"""Unfinished inputs of one partition; the in-process broker keeps 5 MB of everything in it."""
KEEP_ENDLESS: Final = timedelta(minutes=10)
MAX_ENDLESS: Final = 5_000
"""Activities and signals that are kept for a broker that starts anew; the newest."""


class SpoolDown(Exception):
    """Postgres did not store the submission in time; it may be stored none the less."""


class SpoolFull(Exception):
    """Too much is unfinished for the in-process broker."""


class Spool:
    """The spool as the HTTP handlers use it."""

    def __init__(self, pool: asyncpg.Pool, *, first: bool) -> None:
        """:param first: everything goes through the spool (the in-process broker)."""
        self.first = first
        self.woken = asyncio.Event()
        """Set when a row was stored that the relay may take."""
        self._pool = pool
        self._open: dict[tuple[Lane, int], tuple[int, int]] = {}

    async def start(self) -> None:
        """With the in-process broker: everything without an end is to be published again."""
        if self.first:
            await store.due_now(self._pool)
            await self.recount()

    async def put(self, inputs: Sequence[Handed]) -> list[bool]:
        """Store inputs, all or none; of each whether it was not there already.

        :raises SpoolFull: nothing was stored; there is too much unfinished.
        :raises SpoolDown: Postgres does not answer.
        """
        rows = [Spooled(one.id, one.lane, one.output, _slot(one)) for one in inputs]
        if not self.first:
            stored = await self._bounded(rows, timedelta(0))
            self.woken.set()
            return stored
        reserved: list[Spooled] = []
        try:
            for row in rows:
                if row.slot == store.ENDLESS:
                    continue
                self._reserve(row)
                reserved.append(row)
            stored = await self._bounded(rows, LOOK_AGAIN)
        except BaseException:
            self._give_back([(row.lane, row.slot, row.size) for row in reserved])
            raise
        self._give_back(
            [
                (row.lane, row.slot, row.size)
                for row, new in zip(rows, stored, strict=True)
                if not new
            ]
        )
        return stored

    async def ended(self, submissions: Collection[UUID]) -> None:
        """The ends of these submissions were seen on the bus."""
        self._give_back(await store.end(self._pool, submissions))

    async def forget(self) -> None:
        """Let go of what has no end, once every consumer has had the time to read it."""
        if self.first:
            await store.forget_endless(self._pool, KEEP_ENDLESS, MAX_ENDLESS)

    async def recount(self) -> None:
        """Take the unfinished from the database; the counters in memory can drift."""
        rows = await store.open_by_slot(self._pool)
        self._open = {(lane, slot): (count, size) for lane, slot, count, size in rows}

    async def _bounded(self, rows: Sequence[Spooled], due_in: timedelta) -> list[bool]:
        # Not wait_for: a cancelled statement waits for the server's word, and a server that hangs
        # says nothing. The task is left behind, and the connection with it, until it answers.
        task = asyncio.create_task(store.put_all(self._pool, rows, due_in))
        done, _ = await asyncio.wait((task,), timeout=PUT_TIMEOUT_S)
        if not done:
            task.cancel()
            task.add_done_callback(lambda late: late.cancelled() or late.exception())
            raise SpoolDown(f"no answer within {PUT_TIMEOUT_S:g} s")
        try:
            return task.result()
        except Exception as error:
            if not is_infrastructure(error):
                raise
            raise SpoolDown(type(error).__name__) from error

    def _reserve(self, row: Spooled) -> None:
        place = (row.lane, row.slot)
        count, size = self._open.get(place, (0, 0))
        if count + 1 > MAX_OPEN or size + row.size > MAX_OPEN_BYTES:
            raise SpoolFull(f"{count} submissions of this partition are unfinished")
        self._open[place] = (count + 1, size + row.size)

    def _give_back(self, rows: Sequence[tuple[Lane, int, int]]) -> None:
        for lane, slot, size in rows:
            count, held = self._open.get((lane, slot), (0, 0))
            self._open[lane, slot] = (max(count - 1, 0), max(held - size, 0))


def _slot(one: Handed) -> int:
    """The partition that the default partitioner chooses for the key of a submission."""
    if not one.ends:
        return store.ENDLESS
    partitions = list(range(topics.submissions(one.lane).partitions))
    return partition_of(one.output.key, partitions)
