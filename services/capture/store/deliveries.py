"""What the HTTP handler may know of stored deliveries; it never writes any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from services.capture.repeats import Delivered


@dataclass(frozen=True, slots=True)
class Stored:
    """A delivery that the consumer has decided on."""

    number: int
    """Its place in the order of storing."""
    source: str
    delivery_key: str
    delivered: Delivered
    expires_at: datetime


_ONE = """
select stored, source, delivery_key, submission_id, body_sha256, expires_at
from capture.deliveries
where source = $1 and delivery_key = $2 and expires_at > now()
"""

_NEWEST = "select coalesce(max(stored), 0) from capture.deliveries"

_SINCE = """
select stored, source, delivery_key, submission_id, body_sha256, expires_at
from capture.deliveries where stored > $1 order by stored limit $2
"""

_AT = """
select stored, source, delivery_key, submission_id, body_sha256, expires_at
from capture.deliveries where stored = any($1::bigint[])
"""


async def find(pool: asyncpg.Pool, source: str, delivery_key: str) -> Stored | None:
    """The living delivery under a key."""
    row = await pool.fetchrow(_ONE, source, delivery_key)
    return None if row is None else _stored(row)


async def since(pool: asyncpg.Pool, position: int, limit: int) -> Sequence[Stored]:
    """Deliveries with numbers behind ``position``, in their order."""
    return [_stored(row) for row in await pool.fetch(_SINCE, position, limit)]


async def at(pool: asyncpg.Pool, numbers: Sequence[int]) -> Sequence[Stored]:
    """The deliveries of these numbers, as far as there are any."""
    return [_stored(row) for row in await pool.fetch(_AT, numbers)]


async def newest(pool: asyncpg.Pool) -> int:
    """The position of the last stored delivery."""
    return int(await pool.fetchval(_NEWEST))


def _stored(row: asyncpg.Record) -> Stored:
    return Stored(row[0], row[1], row[2], Delivered(row[3], row[4]), row[5])
