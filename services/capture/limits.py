"""How much one sender may send: a bucket of tokens per source."""

from __future__ import annotations


class TokenBucket:
    """``rate`` a second on average, at most that many at once."""

    def __init__(self, rate: float, now: float) -> None:
        self.rate = rate
        self._tokens = max(rate, 1.0)
        self._at = now

    def take(self, now: float) -> float:
        """0 where one more may pass, else the seconds to wait for it. ``now`` never runs back."""
        self._tokens = min(max(self.rate, 1.0), self._tokens + (now - self._at) * self.rate)
        self._at = now
        if self._tokens >= 1.0:
            self._tokens -= 1.0
            return 0.0
        return (1.0 - self._tokens) / self.rate


class Buckets:
    """One bucket per source; a source whose configured rate changed starts a new one."""

    def __init__(self) -> None:
        self._by_source: dict[str, TokenBucket] = {}

    def take(self, source: str, rate: float, now: float) -> float:
        """As :meth:`TokenBucket.take`, for the bucket of a configured source."""
        bucket = self._by_source.get(source)
        if bucket is None or bucket.rate != rate:
            bucket = self._by_source[source] = TokenBucket(rate, now)
        return bucket.take(now)
