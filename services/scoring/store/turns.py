"""Who waits for a turn of a drip, and who has it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from services.runtime.database import Connection

_LOCK = "select pg_advisory_xact_lock(hashtextextended('drip ' || $1, 0))"

_GIVEN = """
select count(*) from scoring.leads where released_pool = $1 and released_at >= $2
"""

# Accounts with several active signals first, then the better score, then who waits longest.
_GIVE = """
with next as materialized (
    select lead_id from scoring.leads
    where turn_pool = $1 and released_at is null
    order by turn_signals desc, turn_total desc, turn_since, lead_id
    limit $2 for update skip locked
)
update scoring.leads l set released_at = $3, released_pool = $1, rescore_at = now()
from next where l.lead_id = next.lead_id
"""

_GIVE_UNASKED = """
with next as materialized (
    select lead_id from scoring.leads
    where turn_pool is not null and turn_pool <> all($1::text[]) and released_at is null
    order by lead_id limit $2 for update skip locked
)
update scoring.leads l set released_at = $3, released_pool = turn_pool, rescore_at = now()
from next where l.lead_id = next.lead_id
"""


async def give(conn: Connection, pool: str, per_day: int, since: datetime, now: datetime) -> None:
    """Let as many have their turn as the day has left; once, however many processes try.

    :param since: when the day's turns began.
    """
    await conn.execute(_LOCK, pool)
    given = await conn.fetchval(_GIVEN, pool, since)
    if given < per_day:
        await conn.execute(_GIVE, pool, per_day - given, now)


async def give_others(conn: Connection, pools: Collection[str], limit: int, now: datetime) -> None:
    """Let those go who wait for a drip that the configuration does not have any more."""
    await conn.execute(_GIVE_UNASKED, list(pools), limit, now)


async def waiting(conn: Connection) -> dict[str, int]:
    """How many wait, by pool."""
    rows = await conn.fetch(
        "select turn_pool, count(*) from scoring.leads"
        " where turn_pool is not null and released_at is null group by 1"
    )
    return {row[0]: row[1] for row in rows}
