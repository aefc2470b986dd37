"""How much one source may send, and how much of that one network may take.

A network that is alone gets all of it. Where a source runs short, what is left is for networks
that have not had their share: a flood from one cannot starve another.
"""

from __future__ import annotations

from services.runtime.buckets import Buckets

_RESERVED = 0.5
"""The part of a source's bucket that only networks within their share may draw from."""
_SHARE = 0.1
"""A network's share of a source's rate while others want theirs."""


class SourceLimits:
    """A bucket per source, and one per source and network."""

    def __init__(self) -> None:
        self._sources = Buckets()
        self._networks = Buckets()

    def take(self, source: str, network: str, rate: float, now: float) -> float:
        """0 where one more may pass, else the seconds to wait for it. ``now`` never runs back.

        :param rate: requests a second of the source on average, and at most that many at once.
        """
        whole = self._sources.get(source, rate, now)
        own = self._networks.get((source, network), rate * _SHARE, now)
        within_share = own.wait(now) == 0.0
        wait = whole.wait(now, 0.0 if within_share else whole.burst * _RESERVED)
        if whole.burst < 2.0:  # a bucket that holds one token has nothing to reserve
            wait = whole.wait(now)
        if wait == 0.0:
            whole.spend(now)
            own.spend(now)
        return wait


class LoopShare:
    """How much of a process's time one kind of work may take: a part of it on average, and no more
    than ``at_once_s`` seconds of it in a row. Pure: times are arguments, in seconds of one clock.
    """

    def __init__(self, part: float, at_once_s: float) -> None:
        self._part = part
        self._most = self._left = at_once_s
        self._at = float("-inf")

    def wait(self, now: float) -> float:
        """0 where there is time left, else the seconds until there is."""
        self._advance(now)
        return 0.0 if self._left > 0 else -self._left / self._part

    def spend(self, seconds: float, now: float) -> None:
        """Work took so long; what is begun is finished, so this may leave a debt."""
        self._advance(now)
        self._left -= seconds

    def _advance(self, now: float) -> None:
        if now > self._at:
            self._left = min(self._most, self._left + (now - self._at) * self._part)
            self._at = now
