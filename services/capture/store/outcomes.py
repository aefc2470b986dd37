"""What routing said of submissions, for a day."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

import asyncpg

from services.capture.standing import Outcome

_KEEP = """
insert into capture.outcomes as o
    (submission_id, sequence, source, first_name, booking_url, held_until)
select * from unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[],
                     $6::timestamptz[]) order by 1
on conflict (submission_id) do update
set sequence = excluded.sequence, first_name = excluded.first_name,
    booking_url = excluded.booking_url, held_until = excluded.held_until
where o.sequence < excluded.sequence
"""


async def keep(pool: asyncpg.Pool, found: Sequence[Outcome]) -> None:
    """Store outcomes; a passed sequence changes nothing."""
    await pool.execute(
        _KEEP,
        [one.submission_id for one in found],
        [one.sequence for one in found],
        [one.source for one in found],
        [one.first_name for one in found],
        [one.booking_url for one in found],
        [one.held_until for one in found],
    )


async def of(pool: asyncpg.Pool, ids: Collection[UUID]) -> dict[UUID, Outcome]:
    """Those of the given submissions that are known."""
    rows = await pool.fetch(
        "select submission_id, sequence, source, first_name, booking_url, held_until"
        " from capture.outcomes where submission_id = any($1::uuid[])",
        list(ids),
    )
    return {row[0]: Outcome(*row) for row in rows}


async def forget(pool: asyncpg.Pool) -> None:
    """Delete what is older than a day."""
    await pool.execute("delete from capture.outcomes where stored_at < now() - interval '1 day'")
