"""Calendars that are read by themselves: whose turn it is, and how the last reading went."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import asyncpg

from services.runtime.database import Connection

EVERY: Final = timedelta(minutes=15)
_NEW = """
insert into routing.leave_feeds (rep_id) select unnest($1::text[]) on conflict do nothing
"""
_TAKE = """
update routing.leave_feeds set due_at = now() + $2::interval, checked_at = now()
where rep_id = (
    select rep_id from routing.leave_feeds
    where rep_id = any($1::text[]) and due_at <= now()
    order by due_at limit 1 for update skip locked)
returning rep_id, address, etag, modified, days, read_at, now() as now
"""
_READ = """
update routing.leave_feeds set address = $2, etag = $3, modified = $4, days = $5, read_at = now(),
       failing_since = null, error = null
where rep_id = $1
"""
_SAME = "update routing.leave_feeds set failing_since = null, error = null where rep_id = $1"
_FAILED = """
update routing.leave_feeds set failing_since = coalesce(failing_since, now()), error = $2
where rep_id = $1
"""
_STATE = """
select checked_at, read_at, failing_since, error from routing.leave_feeds where rep_id = $1
"""


@dataclass(frozen=True, slots=True)
class Feed:
    """One calendar that is due, with what is known of the last whole reading."""

    rep_id: str
    address: str | None
    """Hash of where it was read."""
    etag: str | None
    modified: str | None
    days: str | None
    """Hash of the days away that it had."""
    read_at: datetime | None
    now: datetime


async def take(pool: asyncpg.Pool, reps: Collection[str]) -> Feed | None:
    """The calendar that is due first; no other process gets it for :data:`EVERY`."""
    await pool.execute(_NEW, list(reps))
    row = await pool.fetchrow(_TAKE, list(reps), EVERY)
    return Feed(**dict(row)) if row is not None else None


async def was_read(
    pool: asyncpg.Pool,
    rep_id: str,
    address: str,
    etag: str | None,
    modified: str | None,
    days: str,
) -> None:
    """It was read as a whole, and leave is what it says."""
    await pool.execute(_READ, rep_id, address, etag, modified, days)


async def is_same(pool: asyncpg.Pool, rep_id: str) -> None:
    """It has not changed since it was read."""
    await pool.execute(_SAME, rep_id)


async def failed(pool: asyncpg.Pool, rep_id: str, why: str) -> None:
    """It could not be read; the leave that is known stays."""
    await pool.execute(_FAILED, rep_id, why[:300])


async def state(connection: Connection, rep_id: str) -> dict[str, Any]:
    """How the reading of a person's calendar goes; all null before the first."""
    row = await connection.fetchrow(_STATE, rep_id)
    names = ("checked_at", "read_at", "failing_since", "error")
    return dict(row) if row is not None else dict.fromkeys(names)
