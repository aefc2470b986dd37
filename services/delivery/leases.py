"""What one worker has taken, until what came of it is written down.

A lease ends by itself where its process dies. While the process lives it is renewed, so that no
other worker takes what waits here for its turn, or for a sink that is slow.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Final
from uuid import UUID

import asyncpg

from services.delivery.model import Delivery
from services.delivery.store import deliveries
from services.runtime.database import is_infrastructure

MARGIN_S: Final = 10.0
_GIVE_BACK_S: Final = 1.0


class Leases:
    """Of one worker."""

    def __init__(self, sink: str, timeout_s: float, pool: asyncpg.Pool) -> None:
        """:param timeout_s: of one call of the sink."""
        self._sink = sink
        self._pool = pool
        self._seconds = timeout_s + MARGIN_S
        self._renewed_at = 0.0
        self._held: dict[UUID, Delivery] = {}
        self._sent: set[UUID] = set()

    def __len__(self) -> int:
        return len(self._held)

    @property
    def period_s(self) -> float:
        """How often they are to be renewed."""
        return self._seconds / 3

    @property
    def sending(self) -> bool:
        """Whether anything is on its way to the sink."""
        return bool(self._sent)

    def send(self, it: Delivery) -> None:
        """From now on it may arrive."""
        self._sent.add(it.delivery_id)

    def drop(self, it: Delivery) -> None:
        """It was written down, or is left to run out."""
        self._held.pop(it.delivery_id, None)
        self._sent.discard(it.delivery_id)

    async def take(self, most: int) -> list[Delivery]:
        """Lease what is due; nothing while Postgres is away."""
        found: list[Delivery] = []
        with _outage_passes():
            async with self._pool.acquire() as conn:
                found = await deliveries.claim(conn, self._sink, most, self._seconds)
        self._held.update((one.delivery_id, one) for one in found)
        return found

    async def renew(self) -> None:
        """Let them end later, where it is time for that."""
        now = time.monotonic()
        if not self._held or now - self._renewed_at < self.period_s:
            return
        self._renewed_at = now
        with _outage_passes():
            async with self._pool.acquire() as conn:
                await deliveries.renew(conn, list(self._held.values()), self._seconds)

    async def give_back(self) -> int:
        """Let others have them; how many were on their way, and will be sent once more."""
        held, self._held = list(self._held.values()), {}
        sent, self._sent = self._sent, set()
        cut_off = 0
        with contextlib.suppress(Exception):
            async with asyncio.timeout(_GIVE_BACK_S), self._pool.acquire() as conn:
                for one in held:
                    if one.delivery_id in sent:
                        cut_off += await deliveries.put_off(conn, one, timedelta(), "cut_off")
                await deliveries.give_back(conn, held)
        return cut_off


@contextlib.contextmanager
def _outage_passes() -> Iterator[None]:
    """What needs Postgres is done again soon."""
    try:
        yield
    except Exception as error:
        if not is_infrastructure(error):
            raise
