"""How many dead letters are bad luck, and from when on they are a bad deploy."""

from __future__ import annotations

from collections import deque
from typing import Final

MOST_IN_A_ROW: Final = 20
WINDOW: Final = 1000
MOST_IN_WINDOW: Final = 50
"""5 % of the window."""


class DeadLetterBudget:
    """Refuses the dead letter that would make 21 in a row, or 5 % of the last 1,000 records."""

    def __init__(self) -> None:
        self._seen = 0
        self._row = 0
        self._dead: deque[int] = deque()

    def finished(self, records: int) -> None:
        """That many records were processed."""
        if records:
            self._seen += records
            self._row = 0

    def refusal(self) -> str | None:
        """Why one more dead letter must not be written, or None."""
        while self._dead and self._dead[0] <= self._seen - WINDOW:
            self._dead.popleft()
        if self._row >= MOST_IN_A_ROW:
            return f"more than {MOST_IN_A_ROW} records in a row cannot be processed"
        if len(self._dead) + 1 >= MOST_IN_WINDOW:
            return f"{MOST_IN_WINDOW} of the last {WINDOW} records cannot be processed"
        return None

    def buried(self) -> None:
        """One record was dead-lettered."""
        self._seen += 1
        self._row += 1
        self._dead.append(self._seen)
