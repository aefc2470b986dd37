"""Who of those that share a place may go when, where the place takes only so much at a time.

A message whose place is busy goes back to what waits, until its own turn: it holds up nobody whose
place is free. How much a process as a whole may send is the worker's limiter.
"""

from __future__ import annotations

from uuid import UUID

from services.delivery.sinkconfig import Rate

_MOST = 10_000
"""Places and turns that are remembered before old ones are forgotten."""
_MISSED_S = 60.0
"""Whoever has not come back for so long after their turn does not come: the message was not needed
any more, or another process sent it."""


class Turns:
    """The turns of one sink's places; of one process. Times are seconds of one clock."""

    def __init__(self, rate: Rate) -> None:
        self._apart = rate.seconds / rate.calls
        self._free: dict[str, float] = {}
        self._given: dict[UUID, float] = {}
        self._limit = _MOST

    def wait(self, place: str, who: UUID, now: float) -> float:
        """Seconds until it is the turn of ``who``; 0: now. Who comes back later keeps the turn."""
        turn = self._given.pop(who, None)
        if turn is None:
            turn = max(now, self._free.get(place, now))
            self._free[place] = turn + self._apart
        if turn <= now:
            return 0.0
        self._forget(now)
        self._given[who] = turn
        return turn - now

    def _forget(self, now: float) -> None:
        if len(self._free) + len(self._given) < self._limit:
            return
        since = now - _MISSED_S
        self._free = {place: at for place, at in self._free.items() if at > now}
        self._given = {who: turn for who, turn in self._given.items() if turn > since}
        # Where all of them are of use it is not looked at each one's expense.
        self._limit = max(_MOST, 2 * (len(self._free) + len(self._given)))
