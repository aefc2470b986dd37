"""Deletes what nobody needs any more: some rows at a time, beside running services.

Each room lists its own tables in its ``store``. A batch is a transaction of its own that waits for
no lock, so that neither a decision nor a second prune is held up, and one that is stopped goes on
the next time where it was.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import asyncpg

from services.runtime import repeats
from services.runtime.database import Connection

BATCH: Final = 1000
"""Rows of one transaction: some ten milliseconds."""
_LONGEST_PAUSE_S: Final = 0.5

Sleep = Callable[[float], Awaitable[None]]


class Keep(StrEnum):
    """How long rows are kept: the settings of ``retention.yaml``."""

    REPEATS = "repeats"
    DELIVERY_KEYS = "delivery_keys"
    QUARANTINE = "quarantine"
    BOOKKEEPING = "bookkeeping"
    STORIES = "stories"


@dataclass(frozen=True, slots=True)
class Prunable:
    """Rows of a table that may go once they are older than ``keep`` says."""

    table: str
    """With its schema."""
    keep: Keep
    age: str
    """The column by which a row is old; not null in what goes, and best with an index."""
    only: str = "true"
    """SQL of what may go at all; the row is ``t``, ``$1`` is the time before which rows go."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many rows of a table went, or would go."""

    table: str
    keep: Keep
    before: datetime
    rows: int


def inbox_and_outbox(schema: str) -> tuple[Prunable, ...]:
    """The outbox before the inbox: an input is known for as long as any of its rows is there."""
    return (
        Prunable(f"{schema}.outbox", Keep.REPEATS, "created_at", "t.published_at is not null"),
        Prunable(f"{schema}.inbox", Keep.REPEATS, "at"),
    )


_FROM = "from {table} t where t.{age} < $1 and {only}"
_COUNT = f"select count(*) {_FROM}"
_DELETE = f"""
delete from {{table}} where ctid = any(array(
    select t.ctid {_FROM} order by t.{{age}} limit $2 for update of t skip locked))
"""


@asynccontextmanager
async def connection(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection for pruning, closed in the end: patient with the disk, never with a lock."""
    opened = await asyncpg.connect(
        dsn,
        timeout=10,
        server_settings={
            "application_name": "handraise.prune",
            "lock_timeout": "2000",
            # A row that is back after a crash of the database is deleted the next time.
            "synchronous_commit": "off",
            "jit": "off",
        },
    )
    try:
        yield opened
    finally:
        await opened.close()


async def prune(
    conn: Connection,
    room: str,
    tables: Sequence[Prunable],
    keep: Mapping[Keep, timedelta | None],
    *,
    sleep: Sleep = asyncio.sleep,
) -> AsyncIterator[Pruned]:
    """Delete what is old of a room, table by table; what ``keep`` has None for stays for ever.

    :raises ValueError: repeats would be known for less long than topics hold them.
    """
    for one, before in await _due(conn, room, tables, keep, told=True):
        rows = 0
        while deleted := await _some(conn, one, before, sleep):
            rows += deleted
            if deleted < BATCH:
                break
        yield Pruned(one.table, one.keep, before, rows)


async def count(
    conn: Connection,
    room: str,
    tables: Sequence[Prunable],
    keep: Mapping[Keep, timedelta | None],
) -> AsyncIterator[Pruned]:
    """What :func:`prune` would delete now; changes nothing."""
    for one, before in await _due(conn, room, tables, keep, told=False):
        yield Pruned(one.table, one.keep, before, await conn.fetchval(_sql(_COUNT, one), before))


async def oldest_input(conn: Connection, rooms: Iterable[str]) -> datetime | None:
    """When the input was decided that is known for longest; None where none is known."""
    found = [await conn.fetchval(f"select min(at) from {room}.inbox") for room in rooms]
    return min((at for at in found if at is not None), default=None)


async def _due(
    conn: Connection,
    room: str,
    tables: Sequence[Prunable],
    keep: Mapping[Keep, timedelta | None],
    *,
    told: bool,
) -> list[tuple[Prunable, datetime]]:
    """Each table with the time before which its rows go."""
    now: datetime = await conn.fetchval("select now()")
    before = {what: now - length for what, length in keep.items() if length is not None}
    if (length := keep.get(Keep.REPEATS)) is not None:
        if told:
            since = await repeats.forget_before(conn, room, length)
        else:
            known = await repeats.known_since(conn, room)
            since = max(before[Keep.REPEATS], known or before[Keep.REPEATS])
        before[Keep.REPEATS] = since - repeats.MARGIN
    return [(one, before[one.keep]) for one in tables if one.keep in before]


async def _some(conn: Connection, one: Prunable, before: datetime, sleep: Sleep) -> int:
    began = time.monotonic()
    done: str = await conn.execute(_sql(_DELETE, one), before, BATCH)
    deleted = int(done.rpartition(" ")[2])
    if deleted == BATCH:  # half of the time is for those who decide
        await sleep(min(time.monotonic() - began, _LONGEST_PAUSE_S))
    return deleted


def _sql(text: str, one: Prunable) -> str:
    return text.format(table=one.table, age=one.age, only=one.only)
