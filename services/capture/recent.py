"""Deliveries that are known to be durable, in memory: an answer for a retry without a query."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

import asyncpg
import structlog

from services.capture.gaps import Gaps
from services.capture.repeats import Delivered
from services.capture.store import deliveries
from services.capture.store.deliveries import Stored
from services.runtime.database import is_infrastructure

log = structlog.get_logger(__name__)

CAPACITY: Final = 50_000
FOLLOW_S: Final = 1.0
_PAGE: Final = 5_000
_STALE_S: Final = 5.0


class RecentDeliveries:
    """The last deliveries of this process at once, and of all processes within a second.

    It only ever says what is durable. What it does not know is accepted again, which the consumer
    recognises: nothing depends on it but the word in the answer.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._known: OrderedDict[tuple[str, str], tuple[Delivered, float]] = OrderedDict()
        self._position: int | None = None
        self._gaps = Gaps()
        self._complete = False
        self._followed_at = float("-inf")

    @property
    def complete(self) -> bool:
        """Whether everything that was stored until a moment ago is here: then a miss is certain."""
        return self._complete and time.monotonic() - self._followed_at < _STALE_S

    def get(self, source: str, delivery_key: str, now: float) -> Delivered | None:
        """The living delivery under a key; ``now`` is Unix time."""
        found = self._known.get((source, delivery_key))
        if found is None or found[1] <= now:
            return None
        return found[0]

    def add(
        self, source: str, delivery_key: str, delivered: Delivered, expires_at: float, now: float
    ) -> None:
        """Remember a durable delivery; the first under a key stays while it lives."""
        if self.get(source, delivery_key, now) is None:
            self._known[source, delivery_key] = (delivered, expires_at)
            self._known.move_to_end((source, delivery_key))
            if len(self._known) > self._capacity:
                self._known.popitem(last=False)
                self._complete = False

    async def run(self, pool: asyncpg.Pool) -> None:
        """Follow what the consumers of all processes store, for ever."""
        while True:
            try:
                await self.follow(pool)
            except Exception as error:
                if not is_infrastructure(error):
                    raise
                log.warning("recent.stale", waiting_for="postgres", error=type(error).__name__)
            await asyncio.sleep(FOLLOW_S)

    async def follow(self, pool: asyncpg.Pool) -> None:
        """Take in what was stored since the last call."""
        if self._position is None:
            newest = await deliveries.newest(pool)
            self._position = max(newest - self._capacity, 0)
            self._complete = self._position == 0
        if missing := self._gaps.open(time.monotonic()):
            self._learn(late := await deliveries.at(pool, missing))
            self._gaps.found(one.number for one in late)
        while True:
            found = await deliveries.since(pool, self._position, _PAGE)
            self._learn(found)
            self._gaps.passed(self._position, (one.number for one in found), time.monotonic())
            if found:
                self._position = found[-1].number
            if len(found) < _PAGE:
                break
        self._followed_at = time.monotonic()

    def _learn(self, found: Sequence[Stored]) -> None:
        for one in found:
            expires_at = one.expires_at.timestamp()
            # What the consumer decided on is the truth: it replaces a guess of this process.
            self._known[one.source, one.delivery_key] = (one.delivered, expires_at)
        while len(self._known) > self._capacity:
            self._known.popitem(last=False)
            self._complete = False
