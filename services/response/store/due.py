"""Which clocks are due, which leads of the night may start, and what the gauges show."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.response.model import TAKING
from services.response.store.leads import Key
from services.runtime.database import Connection

LATE = timedelta(minutes=1)
"""A clock that is later than this waited for us, not for its time."""

# Two orders of one index: what became due just now never waits behind what piled up.
_HORIZON = """
select clock_timestamp() as now,
       least(clock_timestamp(), (select min(read_until) from response.progress)) as read_until,
       (select count(*) from response.progress) as partitions
"""
_LOOK = f"""
select exists(select from response.clocks where state = 'running' and try_at <= read_until
              and try_at > now - interval '{LATE.total_seconds():g} s') as fresh,
       exists(select from response.leads where phase = 'queued' and opens_at <= read_until)
           as opening
from ({_HORIZON}) as horizon
"""
_DUE = """
select distinct lead_id, role from (
    select lead_id, role from response.clocks
    where state = 'running' and try_at > $1 and try_at <= $2 order by try_at limit $3
) due
"""
_NEXT = "select min(try_at) from response.clocks where state = 'running' and try_at > $1"
_SUSPEND = "update response.clocks set try_at = $2 where clock_id = any($1) and state = 'running'"
# One process opens at a time: it counts what the others have started.
_OPENER = "select pg_try_advisory_xact_lock(hashtextextended('response.opening', 0))"
_OPEN = """
select q.lead_id, q.role from (
    select l.lead_id, l.role, l.rep_id, l.opens_at,
           row_number() over (partition by l.rep_id order by l.raised_at, l.lead_id) as n
    from response.leads l where l.phase = 'queued' and l.opens_at <= $1
) q
where $2::int is null or q.n + (
    select count(*) from response.leads r
    where r.rep_id = q.rep_id and r.phase = 'running' and r.tier = 'hot') <= $2
order by q.opens_at limit $3
"""
_GAUGES = """
select
    (select min(raised_at) from response.leads
     where tier = 'hot' and touched_at is null and status not in ('nurtured', 'closed', 'rejected'))
        as oldest_hot,
    (select count(*) from response.clocks
     where state = 'running' and try_at > due_at and kind = any($1)) as suspended,
    (select count(*) from response.unmatched) as unmatched,
    (select occurred_at from response.feed) as feed_at,
    clock_timestamp() as now
"""
_RUNNING = "select kind, count(*) as n from response.clocks where state = 'running' group by kind"


_UNTOUCHED = """
select lead_id, role from response.leads
where phase = 'running' and ($1::text is null or pool = $1) and ($2::text is null or tier = $2)
order by lead_id, role
"""
_LISTED = """
select c.due_at, c.kind, l.rep_id, l.pool, l.tier, l.lead_id, l.assignment_id, c.started_at,
       c.try_at, c.config_version
from response.clocks c join response.leads l using (lead_id, role)
where c.state = 'running' and c.kind <> 'measure' and ($1::text is null or l.pool = $1)
order by c.due_at limit $2
"""


@dataclass(frozen=True, slots=True)
class Horizon:
    """Now, and up to when everything was read."""

    now: datetime
    read_until: datetime | None
    """None: nothing was read yet, nothing may fire."""


@dataclass(frozen=True, slots=True)
class Found:
    """What is worth a transaction."""

    fresh: bool
    """A clock became due within the last minute."""
    opening: bool
    """A lead of the night may start."""


@dataclass(frozen=True, slots=True)
class Gauges:
    """What is shown of all leads and clocks."""

    now: datetime
    oldest_hot: datetime | None
    suspended: int
    unmatched: int
    feed_at: datetime | None
    running: dict[str, int]


async def horizon(connection: Connection) -> Horizon:
    """A clock whose deadline lies behind ``read_until`` may fire."""
    row = await connection.fetchrow(_HORIZON)
    assert row is not None
    return Horizon(row["now"], row["read_until"] if row["partitions"] else None)


async def look(connection: Connection) -> Found:
    """Whether there may be anything to do; locks nothing."""
    row = await connection.fetchrow(_LOOK)
    assert row is not None
    return Found(row["fresh"], row["opening"])


async def due(connection: Connection, after: datetime, until: datetime, limit: int) -> list[Key]:
    """Leads with a clock that became due in this stretch of time, the earliest first."""
    rows = await connection.fetch(_DUE, after, until, limit)
    return [(row["lead_id"], row["role"]) for row in rows]


async def next_due(connection: Connection, after: datetime) -> datetime | None:
    """When the next clock is due."""
    at: datetime | None = await connection.fetchval(_NEXT, after)
    return at


async def suspend(connection: Connection, clock_ids: Collection[UUID], until: datetime) -> None:
    """Try these again later; their deadlines stay as they are."""
    await connection.execute(_SUSPEND, list(clock_ids), until)


async def opening(
    connection: Connection, now: datetime, at_once: int | None, limit: int
) -> list[Key]:
    """Leads of the night whose clocks may start; none while another process looks."""
    if not await connection.fetchval(_OPENER):
        return []
    rows = await connection.fetch(_OPEN, now, at_once, limit)
    return [(row["lead_id"], row["role"]) for row in rows]


async def untouched(connection: Connection, pool: str | None, tier: str | None) -> list[Key]:
    """Leads whose clocks run; of one pool and tier where these are given."""
    rows = await connection.fetch(_UNTOUCHED, pool, tier)
    return [(row["lead_id"], row["role"]) for row in rows]


async def listed(connection: Connection, pool: str | None, limit: int) -> list[dict[str, Any]]:
    """The running clocks, the next deadline first."""
    return [dict(row) for row in await connection.fetch(_LISTED, pool, limit)]


async def gauges(connection: Connection) -> Gauges:
    """Reads indexes only; for a few seconds' period."""
    row = await connection.fetchrow(_GAUGES, [kind.value for kind in TAKING])
    assert row is not None
    running = {one["kind"]: one["n"] for one in await connection.fetch(_RUNNING)}
    return Gauges(**dict(row), running=running)
