"""Reads a CRM from where it stopped: owners, then companies, then what people changed.

A page, what follows from it and the place of the next page are one transaction, so a reading that
dies goes on behind the last page that was stored. What changes while it runs is the next one's: it
begins where this one began, a little earlier, since clocks differ and an index lags behind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import asyncpg

from schemas.account import AccountChanged
from schemas.base import deterministic_id
from schemas.topics import ACCOUNTS
from services.delivery.acting import SERVICE
from services.delivery.crm.changes import Changes
from services.delivery.crm.model import Account, Changed, Halted, Owner, Stream
from services.delivery.crm.reader import Reader
from services.delivery.store import crm
from services.delivery.store.crm import Position
from services.runtime.database import Connection
from services.runtime.metrics import Metrics
from services.runtime.outbox import Outbox
from services.runtime.records import Output, output

OVERLAP: Final = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Crm:
    """One CRM as a sink of the configuration."""

    sink: str
    system: str
    """Name of the external ids that its owners' ids are."""
    reader: Reader


@dataclass(slots=True)
class Read:
    """What a run read of a stream."""

    stream: Stream
    items: int = 0
    fault: str | None = None


class Sync:
    """Reads on."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        outbox: Outbox,
        changes: Changes,
        metrics: Metrics,
        now: Callable[[], datetime],
    ) -> None:
        self._pool = pool
        self._outbox = outbox
        self._changes = changes
        self._metrics = metrics
        self._now = now

    async def run(self, of: Crm, streams: Sequence[Stream], *, full: bool = False) -> list[Read]:
        """Read each stream to its end, or until something stops it; what was read stays.

        A stream that only a person can mend does not keep the others from being read.

        :param full: read all companies anew, deleted ones too.
        :raises Halted: the CRM wants to be left alone for a while.
        :raises OSError: it is not reached, or gives no answer.
        """
        done = []
        for stream in streams:
            read = Read(stream)
            done.append(read)
            try:
                await self._stream(of, stream, read, full and stream is Stream.ACCOUNTS)
            except Halted as halted:
                read.fault = halted.reason
                await self._stopped(of, stream, halted.reason)
                if not halted.for_good:
                    raise
            except OSError as error:
                await self._stopped(of, stream, "no_answer")
                raise OSError(f"{of.sink} gives no answer") from error
        return done

    async def _stream(self, of: Crm, stream: Stream, read: Read, anew: bool) -> None:
        async with self._pool.acquire() as conn:
            at = Position() if anew else await crm.position(conn, of.sink, stream)
        if at.loading_since is None or at.page is None:
            at = replace(at, loading_since=self._now() - OVERLAP, page=None)
        since = None if stream is Stream.OWNERS else at.read_until
        if stream is Stream.CHANGES and since is None:
            since = at.loading_since  # what was changed before we came is nobody's request
            at = replace(at, read_until=since)
        while True:
            page = await of.reader.page(stream, since, at.page)
            at = replace(at, page=page.next)
            if page.next is None:
                at = Position(read_until=at.loading_since)
            await self._store(of, stream, page.items, at)
            read.items += len(page.items)
            self._metrics.crm_read.labels(of.sink, stream.value).inc(len(page.items))
            if page.next is None:
                self._metrics.crm_read_ends.labels(of.sink, stream.value).inc()
                return

    async def _store(self, of: Crm, stream: Stream, items: Sequence[object], at: Position) -> None:
        changed = [one for one in items if isinstance(one, Changed)]
        found = await self._changes.found(of, changed) if stream is Stream.CHANGES else None
        async with self._pool.acquire() as conn, conn.transaction():
            await crm.keep_owners(conn, of.system, [one for one in items if isinstance(one, Owner)])
            outputs = await _told(
                conn, of, [one for one in items if isinstance(one, Account)], self._now()
            )
            if found is not None:
                outputs += await self._changes.requests(conn, of, found)
            stored = await self._outbox.store(conn, outputs) if outputs else []
            await crm.move(conn, of.sink, stream, at)
        await self._outbox.release(stored)

    async def _stopped(self, of: Crm, stream: Stream, reason: str) -> None:
        self._metrics.crm_halts.labels(of.sink, stream.value).inc()
        async with self._pool.acquire() as conn, conn.transaction():
            at = await crm.position(conn, of.sink, stream)
            await crm.move(conn, of.sink, stream, at, reason)


async def _told(
    conn: Connection, of: Crm, accounts: Sequence[Account], now: datetime
) -> list[Output]:
    """Events about companies; an owner goes by the address, which the router knows people by."""
    ids = {one.owner_id for one in accounts if one.owner_id}
    known = await crm.owners(conn, of.system, ids) if ids else {}
    return [
        output(
            ACCOUNTS,
            one.account_id,
            _event(of.sink, one, known),
            event_id=deterministic_id("account", of.sink, one.account_id, one.changed_at),
            service=SERVICE,
            at=now,
        )
        for one in accounts
    ]


def _event(source: str, one: Account, known: dict[str, Owner]) -> AccountChanged:
    owner = one.owner_id
    if owner and owner in known:
        owner = known[owner].email or owner
    return AccountChanged(
        account_id=one.account_id,
        source=source,
        changed_at=one.changed_at,
        deleted=one.deleted,
        name=one.name[:300] if one.name else None,
        domains=one.domains,
        country=one.country,
        postal_code=one.postal_code,
        owner=owner,
        customer=one.customer,
        open_opportunity=one.open_opportunity,
        contacts=one.contacts,
        since=one.since,
    )
