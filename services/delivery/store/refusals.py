"""Who unsubscribed, and when."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from services.runtime.database import Connection

_KEEP = """
insert into delivery.unsubscribed as u (person, at)
select person, $2 from unnest($1::uuid[]) as p (person)
on conflict (person) do update set at = greatest(u.at, excluded.at)
"""


async def keep(conn: Connection, persons: Collection[UUID], at: datetime) -> None:
    """Remember that these people unsubscribed; the latest time counts."""
    await conn.execute(_KEEP, sorted(persons), at)


async def since(conn: Connection, persons: Collection[UUID]) -> datetime | None:
    """When somebody known by any of these last unsubscribed; None for never."""
    found: datetime | None = await conn.fetchval(
        "select max(at) from delivery.unsubscribed where person = any($1::uuid[])", list(persons)
    )
    return found
