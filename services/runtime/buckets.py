"""How much one sender may send: buckets of tokens, in bounded memory. Pure: time is an argument."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

MAX_BUCKETS: Final = 10_000


class TokenBucket:
    """``rate`` a second on average, at most ``burst`` at once (default: one second's worth)."""

    def __init__(self, rate: float, now: float, burst: float | None = None) -> None:
        self.rate = rate
        self.burst = max(rate if burst is None else burst, 1.0)
        self._tokens = self.burst
        self._at = now

    def level(self, now: float) -> float:
        """Tokens at ``now``, which never runs back."""
        passed = now - self._at
        if passed > 0.0:
            self._at = now
            filled = self._tokens + passed * self.rate
            self._tokens = min(self.burst, filled)
        return self._tokens

    def wait(self, now: float, floor: float = 0.0) -> float:
        """Seconds until one may be taken with ``floor`` left; 0 where that is now."""
        missing = floor + 1.0 - self.level(now)
        # What rounding leaves missing is not worth a refusal.
        return missing / self.rate if missing > 1e-9 else 0.0

    def spend(self, now: float) -> None:
        """Take one, also where there is none: the debt is at most one token."""
        self._tokens = max(self.level(now) - 1.0, -1.0)


class Buckets:
    """One bucket per key; the least recently used ones are forgotten."""

    def __init__(self, capacity: int = MAX_BUCKETS) -> None:
        self._capacity = capacity
        self._by_key: OrderedDict[Hashable, TokenBucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._by_key)

    def get(
        self, key: Hashable, rate: float, now: float, burst: float | None = None
    ) -> TokenBucket:
        """The bucket of a key; a new one where there is none or its rate has changed."""
        bucket = self._by_key.get(key)
        if bucket is None or bucket.rate != rate:
            bucket = self._by_key[key] = TokenBucket(rate, now, burst)
            if len(self._by_key) > self._capacity:
                self._by_key.popitem(last=False)
        self._by_key.move_to_end(key)
        return bucket
