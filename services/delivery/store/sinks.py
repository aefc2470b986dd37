"""Sinks that somebody paused or that are out of order, and the messages that they keep."""

from __future__ import annotations

from uuid import UUID

from services.runtime.database import Connection


async def stopped(conn: Connection, sink: str) -> str | None:
    """Why nothing is sent there; None where it is."""
    row = await conn.fetchrow(
        "select paused_by, disabled_reason from delivery.sinks where sink = $1", sink
    )
    if row is None:
        return None
    if row["disabled_reason"] is not None:
        return str(row["disabled_reason"])
    return None if row["paused_by"] is None else f"paused by {row['paused_by']}"


async def disable(conn: Connection, sink: str, reason: str) -> None:
    """Nothing is sent there until somebody resumes it."""
    await conn.execute(
        "insert into delivery.sinks (sink, disabled_reason, disabled_at)"
        " values ($1, $2, clock_timestamp()) on conflict (sink) do update"
        " set disabled_reason = excluded.disabled_reason, disabled_at = excluded.disabled_at",
        sink,
        reason,
    )


async def pause(conn: Connection, sink: str, by: str) -> None:
    await conn.execute(
        "insert into delivery.sinks (sink, paused_by, paused_at)"
        " values ($1, $2, clock_timestamp()) on conflict (sink) do update"
        " set paused_by = excluded.paused_by, paused_at = excluded.paused_at",
        sink,
        by,
    )


async def resume(conn: Connection, sink: str) -> None:
    """Neither paused nor out of order any more."""
    await conn.execute("delete from delivery.sinks where sink = $1", sink)


async def place(conn: Connection, sink: str, subject: UUID) -> str | None:
    """Where the sink keeps its message about an attempt, or which owner we wrote for a lead."""
    found: str | None = await conn.fetchval(
        "select place from delivery.messages where sink = $1 and subject = $2", sink, subject
    )
    return found


_KEEP_PLACE = """
insert into delivery.messages as m (sink, subject, place, record) values ($1, $2, $3, $4)
on conflict (sink, subject) do update
set place = excluded.place, record = coalesce(excluded.record, m.record)
"""


async def keep_place(
    conn: Connection, sink: str, subject: UUID, place: str, record: str | None
) -> None:
    """Remember it, and what the sink calls what it is about."""
    await conn.execute(_KEEP_PLACE, sink, subject, place, record)
