"""Who of those that share a place may go when, where the place takes only so much at a time.

A message whose place is busy goes back to what waits, until its own turn: it holds up nobody whose
place is free. How much a process as a whole may send is the worker's limiter.
"""

from __future__ import annotations

from uuid import UUID

from services.delivery.sinkconfig import Rate

_MOST = 10_000
"""Turns that are remembered; one that is forgotten is given anew."""


class Turns:
    """The turns of one sink's places; of one process. Times are seconds of one clock."""

    def __init__(self, rate: Rate) -> None:
        self._apart = rate.seconds / rate.calls
        self._free: dict[str, float] = {}
        self._given: dict[UUID, float] = {}

    def wait(self, place: str, who: UUID, now: float) -> float:
        """Seconds until it is the turn of ``who``; 0: now. Who comes back later keeps the turn."""
        turn = self._given.pop(who, None)
        if turn is None:
            turn = max(now, self._free.get(place, now))
            self._free[place] = turn + self._apart
        if turn <= now:
            self._forget(now)
            return 0.0
        if len(self._given) < _MOST:
            self._given[who] = turn
        return turn - now

    def _forget(self, now: float) -> None:
        if len(self._free) > _MOST:
            self._free = {place: at for place, at in self._free.items() if at > now}
