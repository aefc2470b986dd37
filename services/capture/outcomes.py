"""Follows assignments, and answers those who wait for one.

However many browsers wait, they ask the database together: one query each tenth of a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar
from uuid import UUID

import asyncpg
import structlog

from schemas.assignment import AssignmentChanged
from services.capture.config import CaptureConfig
from services.capture.standing import Outcome, outcomes
from services.capture.store import outcomes as store
from services.runtime.database import is_infrastructure
from services.runtime.records import Output, Record

T = TypeVar("T")

log = structlog.get_logger(__name__)

MOST_WAITING: Final = 1_000
"""Browsers at once; one more hears at once what is known."""
LOOK_S: Final = 0.1
_FORGET_S: Final = 3_600.0


class Outcomes:
    """The stage's handler, and the one reader of its table."""

    def __init__(self, pool: asyncpg.Pool, config: Callable[[], CaptureConfig]) -> None:
        self._pool = pool
        self._config = config
        self._waiting: dict[UUID, set[asyncio.Future[Outcome]]] = {}
        self._browsers = 0
        self._asked = asyncio.Event()

    async def keep(self, records: Sequence[Record[AssignmentChanged]]) -> Sequence[Output]:
        """Stores what the makers of submissions may ask for."""
        sources = self._config().sources
        found = [
            one
            for one in outcomes(record.event for record in records)
            # Only pages ask afterwards, and only those of such a source have a key.
            if one.source in sources and sources[one.source].config.browser is not None
        ]
        if found:
            await store.keep(self._pool, found)
        return []

    async def get(self, submission_id: UUID, wait_s: float) -> Outcome | None:
        """The outcome, waited for; None where there is none by then."""
        if self._browsers >= MOST_WAITING:
            wait_s = 0.0
        # Each has a future of its own: whoever gives up must not take the answer from another.
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        asking = self._waiting.setdefault(submission_id, set())
        asking.add(future)
        self._browsers += 1
        self._asked.set()
        try:
            done, _ = await asyncio.wait((future,), timeout=max(wait_s, 2 * LOOK_S))
        finally:
            self._browsers -= 1
            asking.discard(future)
            if not asking and self._waiting.get(submission_id) is asking:
                del self._waiting[submission_id]
        return future.result() if done else None

    async def run(self) -> None:
        """Look for what is waited for, for ever."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            while self._waiting:
                await self._look()
                await asyncio.sleep(LOOK_S)

    async def forget(self) -> None:
        """Delete what is old, for ever."""
        while True:
            await self._safely(store.forget(self._pool))
            await asyncio.sleep(_FORGET_S)

    async def _look(self) -> None:
        found = await self._safely(store.of(self._pool, list(self._waiting)))
        for submission_id, outcome in (found or {}).items():
            for future in self._waiting.pop(submission_id, ()):
                if not future.done():
                    future.set_result(outcome)

    async def _safely(self, work: Awaitable[T]) -> T | None:
        """The result; None while Postgres is away."""
        try:
            return await work
        except Exception as error:
            if not is_infrastructure(error):
                raise
            log.warning("outcomes.waiting", waiting_for="postgres", error=type(error).__name__)
            return None
