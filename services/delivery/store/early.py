"""Touches that wait for the assignment that they are about. Callers hold a transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from services.runtime.database import Connection

# Nobody stores an assignment between our reading of `current` and our commit: else the assignment
# would find no touch, and the touch no assignment. No table is locked: a vacuum would hold us up.
_KEY = "hashtextextended('delivery.early', 0)"
_ALONE = f"select pg_advisory_xact_lock({_KEY})"
_AMONG_OTHERS = f"select pg_advisory_xact_lock_shared({_KEY})"
_NEWEST = """
select lead_id, max(changed_at) as at from delivery.current where lead_id = any($1::uuid[])
group by lead_id
"""
_KEEP = """
insert into delivery.early (event_id, assignment_id, touch)
select * from unnest($1::uuid[], $2::uuid[], $3::bytea[]) on conflict do nothing
"""
# An attempt of which nobody heard within a day was over before the touch.
_FORGET = "delete from delivery.early where at < clock_timestamp() - interval '1 day'"
_TAKE = """
delete from delivery.early where assignment_id = any($1::uuid[]) returning event_id, touch
"""

Touch = tuple[UUID, bytes]
"""Id of its event, and its bytes."""


async def alone(conn: Connection) -> None:
    """Wait for who stores assignments; nobody stores one until the transaction ends."""
    await conn.execute(_ALONE)


async def among_others(conn: Connection) -> None:
    """For who stores assignments, before the first: nobody looks at touches alone meanwhile."""
    await conn.execute(_AMONG_OTHERS)


async def newest(conn: Connection, lead_ids: Collection[UUID]) -> dict[UUID, datetime]:
    """When the latest that is known of each lead was decided; the unknown are left out."""
    rows = await conn.fetch(_NEWEST, list(lead_ids))
    return {row["lead_id"]: row["at"] for row in rows}


async def keep(conn: Connection, touches: Sequence[tuple[UUID, UUID, bytes]]) -> None:
    """Let these wait: event, attempt, bytes."""
    await conn.execute(_FORGET)
    await conn.execute(_KEEP, *map(list, zip(*touches, strict=True)))


async def take(conn: Connection, assignment_ids: Collection[UUID]) -> list[Touch]:
    """What waited for these attempts; it waits no longer."""
    rows = await conn.fetch(_TAKE, list(assignment_ids))
    return [(row["event_id"], row["touch"]) for row in rows]
