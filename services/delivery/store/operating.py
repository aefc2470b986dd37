"""What an operator asks and does by ``handraise deliver``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from services.runtime.database import Connection

_STATUS = """
select s.sink, count(*) filter (where d.state = 'waiting') as waiting,
       count(*) filter (where d.state = 'delivered') as delivered,
       count(*) filter (where d.state = 'skipped') as skipped,
       count(*) filter (where d.state = 'dead') as dead,
       min(d.created_at) filter (where d.state = 'waiting') as oldest_waiting,
       coalesce(min(k.disabled_reason), 'paused by ' || min(k.paused_by),
                case when s.enabled is null then 'delivery.yaml does not name it'
                     when not s.enabled then 'not enabled in delivery.yaml' end) as stopped
from (
    select * from unnest($1::text[], $2::bool[]) as named (sink, enabled)
    union all
    select distinct sink, null::bool from delivery.deliveries
    where state in ('waiting', 'dead') and sink <> all($1)
) s
left join delivery.deliveries d using (sink)
left join delivery.sinks k using (sink)
group by s.sink, s.enabled order by s.sink
"""
_DEAD = """
select delivery_id, sink, lead_id, sequence, reason, attempts, done_at
from delivery.deliveries where state = 'dead' and ($1::text is null or sink = $1)
order by done_at desc limit $2
"""
_LOG = """
select a.at, d.sink, a.delivery_id, d.lead_id, d.sequence, a.number, a.outcome, a.detail, a.seconds
from delivery.attempts a join delivery.deliveries d using (delivery_id)
where ($1::text is null or d.sink = $1) and ($2::uuid is null or d.lead_id = $2)
order by a.at desc, a.number desc limit $3
"""
_RETRY = """
update delivery.deliveries
set state = 'waiting', reason = null, done_at = null, due_at = clock_timestamp(),
    created_at = clock_timestamp()
where state = 'dead' and sink = $1 and ($2::uuid[] is null or delivery_id = any($2))
"""


async def status(conn: Connection, sinks: Mapping[str, bool]) -> list[dict[str, Any]]:
    """One row for each sink: counts by state, the oldest that waits, why nothing is sent.

    :param sinks: those of the configuration, and whether they are enabled. Others follow for which
        something waits, or was given up.
    """
    return [dict(row) for row in await conn.fetch(_STATUS, list(sinks), list(sinks.values()))]


async def dead(conn: Connection, sink: str | None, limit: int) -> list[dict[str, Any]]:
    """What was given up, the latest first."""
    return [dict(row) for row in await conn.fetch(_DEAD, sink, limit)]


async def log(
    conn: Connection, sink: str | None, lead_id: UUID | None, limit: int
) -> list[dict[str, Any]]:
    """Every attempt, the latest first: what came of it, and how long it took in seconds."""
    return [dict(row) for row in await conn.fetch(_LOG, sink, lead_id, limit)]


async def retry(conn: Connection, sink: str, ids: Sequence[UUID] | None) -> int:
    """Try again what was given up, all of it where no ids are named; says how many."""
    done: str = await conn.execute(_RETRY, sink, ids)
    return int(done.rpartition(" ")[2])
