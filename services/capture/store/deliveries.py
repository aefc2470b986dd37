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

    source: str
    delivery_key: str
    delivered: Delivered
    expires_at: datetime


_ONE = """
select submission_id, body_sha256, expires_at from capture.deliveries
where source = $1 and delivery_key = $2 and expires_at > now()
"""

_NEWEST = "select coalesce(max(stored), 0) from capture.deliveries"

_SINCE = """
select stored, source, delivery_key, submission_id, body_sha256, expires_at
from capture.deliveries where stored > $1 order by stored limit $2
"""


async def find(pool: asyncpg.Pool, source: str, delivery_key: str) -> Stored | None:
    """The living delivery under a key."""
    row = await pool.fetchrow(_ONE, source, delivery_key)
    return None if row is None else Stored(source, delivery_key, Delivered(row[0], row[1]), row[2])


async def since(pool: asyncpg.Pool, stored: int, limit: int) -> tuple[int, Sequence[Stored]]:
    """Deliveries that were stored after position ``stored``, and the position reached."""
    rows = await pool.fetch(_SINCE, stored, limit)
    found = [Stored(row[1], row[2], Delivered(row[3], row[4]), row[5]) for row in rows]
    return (rows[-1][0] if rows else stored), found


async def newest(pool: asyncpg.Pool) -> int:
    """The position of the last stored delivery."""
    return int(await pool.fetchval(_NEWEST))
