"""Scores again what is marked: after page views, signals, and what came at the same moment as its
person. Beside the stages, a few leads at a time, so that nobody who waits is delayed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import asyncpg
import structlog

from schemas.base import Lane
from services.runtime.configstore import Versioned
from services.runtime.database import Connection, is_infrastructure
from services.runtime.logs import describe
from services.runtime.outbox import Outbox
from services.scoring import again
from services.scoring.recorder import write
from services.scoring.rules import Rules
from services.scoring.store import around, leads

log = structlog.get_logger(__name__)

AT_ONCE: Final = 20
POLL_S: Final = 0.25
REST: Final = 4.0
"""So many times as long as it worked it rests: a flood takes a fifth of the process at most, and
what waits meanwhile is scored in one go."""
PUT_OFF: Final = timedelta(minutes=5)
"""Before a lead that could not be scored is tried again."""
MISSED_EVERY_S: Final = 10.0
MISSED_SINCE: Final = timedelta(minutes=15)
"""How far back it is looked for activities that came at the same moment as their person."""


class Rescorer:
    """The worker of one process."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        outbox: Outbox,
        config: Callable[[], Versioned[Rules]],
        now: Callable[[], datetime],
    ) -> None:
        self._pool = pool
        self._outbox = outbox
        self._config = config
        self._now = now

    async def run(self) -> None:
        """Work for ever; while Postgres is away, wait for it."""
        clock = asyncio.get_running_loop().time
        look = clock()
        while True:
            began = clock()
            try:
                if clock() >= look:
                    await self.missed()
                    look = clock() + MISSED_EVERY_S
                worked = await self.step()
            except Exception as error:
                if not is_infrastructure(error):
                    raise
                log.warning("rescorer.waiting", waiting_for="postgres", error=type(error).__name__)
                worked = 0
            spent = clock() - began
            await asyncio.sleep(spent * REST if worked == AT_ONCE else POLL_S)

    async def missed(self) -> None:
        """Give people what their activities' arrival at the same moment withheld from them."""
        waits = self._config().value.scoring.activities.unknown_person
        async with self._pool.acquire() as conn, conn.transaction():
            found = await around.claim_missed(conn, waits, MISSED_SINCE)
            if found:
                await leads.mark(conn, found, (), timedelta())

    async def step(self) -> int:
        """Score a few of the leads that are due; how many there were.

        One that cannot be scored costs only itself: it is put off, and said.
        """
        async with self._pool.acquire() as conn:
            if not await leads.any_due(conn):
                return 0
            try:
                return await self._step(conn)
            except Exception as error:
                if is_infrastructure(error):
                    raise
            return await self._one_by_one(conn)

    async def _one_by_one(self, conn: Connection) -> int:
        worked = 0
        for lead in await leads.due(conn, AT_ONCE):
            try:
                worked += await self._step(conn, lead)
            except Exception as error:
                if is_infrastructure(error):
                    raise
                log.error("rescorer.put_off", lead_id=str(lead), **describe(error))
                await leads.put_off(conn, lead, PUT_OFF)
        return worked

    async def _step(self, conn: Connection, only: UUID | None = None) -> int:
        async with conn.transaction():
            rows = await leads.lock_due(conn, AT_ONCE, only)
            if not rows:
                return 0
            happened = await around.around(conn, {lead: r.account_key for lead, r in rows.items()})
            config, found = self._config(), {}
            for lead, row in rows.items():
                if one := again.again(config, row, happened[lead], Lane.BULK):
                    found[lead] = one
                await asyncio.sleep(0)  # whoever waits for an answer goes first
            outputs = list(again.outputs(found, self._now()))
            stored = await self._outbox.store(conn, outputs, write=write(rows, found))
        await self._outbox.release(stored)
        return len(rows)
