"""Within a process the bulk lane gives way to the live one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Final

MOST_WAIT_S: Final = 0.2
"""Longest that a bulk batch waits, so that an endless live load never starves it."""

_gates: dict[str, LaneGate] = {}


class LaneGate:
    """Counts the live batches at work; a bulk batch starts when there are none, or after a bound.

    Both lanes share one event loop and its CPU: a bulk batch that starts just before a demo
    request would make it wait for the whole batch.
    """

    def __init__(self, most_wait_s: float = MOST_WAIT_S) -> None:
        self._live = 0
        self._idle: asyncio.Future[None] | None = None
        self._most_wait_s = most_wait_s

    @classmethod
    def of(cls, service: str) -> LaneGate:
        """The gate that the lanes of one service in this process share."""
        return _gates.setdefault(service, cls())

    @contextlib.contextmanager
    def live(self) -> Iterator[None]:
        """Around a live batch."""
        self._live += 1
        try:
            yield
        finally:
            self._live -= 1
            if not self._live and self._idle is not None:
                if not self._idle.done():
                    self._idle.set_result(None)
                self._idle = None

    async def turn(self) -> None:
        """Before a bulk batch: wait for a gap in the live work, not longer than the bound."""
        if not self._live:
            return
        if self._idle is None:
            self._idle = asyncio.get_running_loop().create_future()
        await asyncio.wait([self._idle], timeout=self._most_wait_s)
