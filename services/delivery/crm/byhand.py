"""What ``handraise crm`` and ``handraise reps import`` do, without a running service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg

from services.delivery.config import CrmSync, HubSpotSink, SalesforceSink
from services.delivery.crm.changes import Changes
from services.delivery.crm.model import Halted, Owner, Stream
from services.delivery.crm.periodic import streams
from services.delivery.crm.sync import Crm, Read, Sync
from services.delivery.following import Following
from services.delivery.sinks.registry import Registry
from services.delivery.store import crm
from services.runtime.database import prepare
from services.runtime.metrics import Metrics
from services.runtime.outbox import Outbox

CrmSink = HubSpotSink | SalesforceSink
MOST_WAITS: Final = 20
_LONGEST_WAIT_S: Final = 120.0
_MOST_PAGES: Final = 1_000


class Busy(Exception):
    """Another process reads this CRM right now."""


class ByHand:
    """One CRM, for a person at a keyboard."""

    def __init__(self, pool: asyncpg.Pool, of: Crm, waits: Callable[[str, float], None]) -> None:
        self._pool = pool
        self._of = of
        self._waits = waits
        metrics = Metrics()
        outbox = Outbox("delivery", pool, _left_to_sweep, metrics)
        following = Following(outbox, _now)
        self._sync = Sync(pool, outbox, Changes(pool, following, metrics), metrics, _now)

    async def owners(self) -> list[Owner]:
        """Everybody whom the CRM can make an owner; nothing is stored.

        :raises Halted: the CRM does not say.
        """
        found: list[Owner] = []
        page: str | None = None
        for _ in range(_MOST_PAGES):
            read = await self._of.reader.page(Stream.OWNERS, None, page)
            found += [one for one in read.items if isinstance(one, Owner)]
            page = read.next
            if page is None:
                break
        return found

    async def keep(self, owners: Sequence[Owner]) -> None:
        """Remember them, durably."""
        async with self._pool.acquire() as conn, conn.transaction():
            await crm.keep_owners(conn, self._of.system, owners)

    async def sync(self, wanted: CrmSync, *, full: bool) -> list[Read]:
        """Read on to the end; where the CRM wants to be left alone that is waited for.

        :raises Busy: somebody else reads it.
        :raises Halted: it wants to be left alone for too long, or too often.
        """
        async with self._pool.acquire() as conn:
            if not await crm.locked(conn, self._of.sink):
                raise Busy(self._of.sink)
            return await self._patiently(streams(wanted), full)

    async def _patiently(self, wanted: Sequence[Stream], full: bool) -> list[Read]:
        for waited in range(MOST_WAITS + 1):
            try:
                return await self._sync.run(self._of, wanted, full=full)
            except Halted as halted:
                wait = halted.after_s if halted.after_s is not None else 5.0
                if waited == MOST_WAITS or wait > _LONGEST_WAIT_S:
                    raise
                self._waits(halted.reason, wait)
                await asyncio.sleep(wait)
                full = False  # what was read stays; the reading goes on behind it
        raise AssertionError("the last round returns or raises")


@asynccontextmanager
async def opened(
    dsn: str,
    sink: str,
    config: CrmSink,
    secrets: Mapping[str, list[bytes]],
    waits: Callable[[str, float], None],
) -> AsyncIterator[ByHand]:
    """The CRM of a sink, with the database of an installation.

    :raises Unconfigured: names the secret that is not set.
    """
    registry = Registry(secrets, _now)
    pool = await asyncpg.create_pool(dsn, min_size=1, max_size=3, init=prepare)
    try:
        yield ByHand(pool, Crm(sink, config.owner_ids, registry.reader(config)), waits)
    finally:
        await pool.close()
        await registry.close()


async def status(conn: Any, limit: int) -> dict[str, Any]:
    """How far each CRM was read, and what people changed there."""
    return {"streams": await crm.status(conn), "changes": await crm.changes(conn, limit)}


async def _left_to_sweep(_: object) -> None:
    """Stored is enough: a running delivery publishes it within about a second."""


def _now() -> datetime:
    return datetime.now(UTC)
