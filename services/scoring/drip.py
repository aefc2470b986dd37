"""Gives prospects their turn, day by day. What is given is in the database: a restart gives nothing
twice and forgets nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final

import asyncpg
import structlog

from services.runtime.configstore import Versioned
from services.runtime.database import is_infrastructure
from services.runtime.metrics import Metrics
from services.scoring.outbound import opened
from services.scoring.rules import Rules
from services.scoring.store import turns

log = structlog.get_logger(__name__)

LOOK_S: Final = 1.0
_OTHERS_AT_ONCE: Final = 100


class Dripper:
    """The worker of one process; several share the day's turns."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        config: Callable[[], Versioned[Rules]],
        now: Callable[[], datetime],
        metrics: Metrics,
    ) -> None:
        self._pool = pool
        self._config = config
        self._now = now
        self._waiting = metrics.drip_waiting
        self._shown: set[str] = set()

    async def run(self) -> None:
        """Work for ever; while Postgres is away, wait for it."""
        while True:
            try:
                await self.step()
            except Exception as error:
                if not is_infrastructure(error):
                    raise
                log.warning("drip.waiting", waiting_for="postgres", error=type(error).__name__)
            await asyncio.sleep(LOOK_S)

    async def step(self) -> None:
        """Give the turns that are open now."""
        outbound, now = self._config().value.scoring.outbound, self._now()
        drips = outbound.drips if outbound else ()
        async with self._pool.acquire() as conn:
            if not (found := await turns.waiting(conn)):
                self._show({})
                return
            for drip in drips:
                since = opened(drip, now)
                if since is not None and drip.pool in found:
                    async with conn.transaction():
                        await turns.give(conn, drip.pool, drip.per_day, since, now)
            async with conn.transaction():
                await turns.give_others(conn, [one.pool for one in drips], _OTHERS_AT_ONCE, now)
            self._show(await turns.waiting(conn))

    def _show(self, waiting: dict[str, int]) -> None:
        for pool in self._shown - waiting.keys():
            self._waiting.labels(pool).set(0)
        for pool, count in waiting.items():
            self._waiting.labels(pool).set(count)
        self._shown |= waiting.keys()
