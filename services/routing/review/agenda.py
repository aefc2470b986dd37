"""When the queues of a simulation are looked at again. Pure."""

from __future__ import annotations

from datetime import datetime
from heapq import heappop, heappush
from itertools import count

from services.routing.review.traffic import Key


class Agenda:
    """The next look at each pool's queue, and at each lead that is held."""

    def __init__(self) -> None:
        self._heap: list[tuple[datetime, int, str | Key]] = []
        self._next: dict[str | Key, datetime] = {}
        self._order = count()

    def schedule(self, what: str | Key, at: datetime) -> None:
        """Look at a pool's queue, or at one held lead, then and not before."""
        if self._next.get(what) != at:
            self._next[what] = at
            heappush(self._heap, (at, next(self._order), what))

    def hasten(self, pool: str, at: datetime) -> None:
        """Look at a pool's queue then, if it is not looked at earlier anyway."""
        planned = self._next.get(pool)
        if planned is None or at < planned:
            self.schedule(pool, at)

    def forget(self, key: Key) -> None:
        """The lead is not held any more."""
        self._next.pop(key, None)

    def due(self, end: datetime) -> tuple[datetime, list[str], list[Key]] | None:
        """The next moment up to ``end``, with the pools and the leads that are due then."""
        now: datetime | None = None
        pools: list[str] = []
        keys: list[Key] = []
        while self._heap and self._heap[0][0] <= (now or end):
            at, _, what = heappop(self._heap)
            if self._next.get(what) != at:
                continue  # it was put off, or is over
            del self._next[what]
            now = at
            if isinstance(what, str):
                pools.append(what)
            else:
                keys.append(what)
        return (now, pools, keys) if now is not None else None
