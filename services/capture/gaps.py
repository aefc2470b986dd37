"""Numbers of a sequence that were passed over. Pure.

Transactions commit in another order than they drew their numbers: whoever follows the numbers
passes over one that is still on its way. Others never come: of what was rolled back, or was there
before.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

MOST: Final = 5_000
PATIENCE_S: Final = 60.0
"""Longer than a transaction takes that may still be committed."""


class Gaps:
    """What is looked for once more."""

    def __init__(self, most: int = MOST, patience_s: float = PATIENCE_S) -> None:
        self._most = most
        self._patience_s = patience_s
        self._since: dict[int, float] = {}

    def passed(self, position: int, numbers: Iterable[int], now: float) -> None:
        """``numbers``, in rising order, are those that were found behind ``position``."""
        for number in numbers:
            for missing in range(max(position + 1, number - self._most), number):
                self._since[missing] = now
            position = number
        for oldest in list(self._since)[: -self._most]:
            del self._since[oldest]

    def found(self, numbers: Iterable[int]) -> None:
        """These came after all."""
        for number in numbers:
            self._since.pop(number, None)

    def open(self, now: float) -> list[int]:
        """What may still come."""
        old = [n for n, since in self._since.items() if now - since > self._patience_s]
        self.found(old)
        return list(self._since)
