"""A few connections of a lane's pool: the stage decides on the same ones and must not wait."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from services.enrichment.turns import Turns
from services.runtime.database import Connection


class Few:
    """At most ``most`` connections of a pool at once, the urgent first."""

    def __init__(self, pool: asyncpg.Pool, most: int = 2) -> None:
        self._pool = pool
        self._turns = Turns(most)

    @asynccontextmanager
    async def connection(self, urgency: int) -> AsyncIterator[Connection]:
        async with self._turns.turn(urgency), self._pool.acquire() as conn:
            yield conn

    @asynccontextmanager
    async def transaction(self, urgency: int) -> AsyncIterator[Connection]:
        async with self.connection(urgency) as conn, conn.transaction():
            yield conn
