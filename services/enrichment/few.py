"""A few connections of a lane's pool: the stage decides on the same ones and must not wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from services.runtime.database import Connection


class Few:
    """At most ``most`` connections of a pool at once."""

    def __init__(self, pool: asyncpg.Pool, most: int = 2) -> None:
        self._pool = pool
        self._room = asyncio.Semaphore(most)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        async with self._room, self._pool.acquire() as conn:
            yield conn

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        async with self.connection() as conn, conn.transaction():
            yield conn
