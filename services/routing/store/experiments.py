"""What became of the leads of an experiment. Never locks anything."""

from __future__ import annotations

from datetime import datetime

from services.routing.review.arms import Counts
from services.runtime.database import Connection

# A lead counts in the arm of its first attempt under the experiment, and with all that came of it
# since, whoever had it then.
_COUNTS = """
with exposed as (
    select distinct on (lead_id) lead_id, experiments->>$1 as arm, decided_at,
           (origin->>'received_at')::timestamptz as received_at
    from routing.attempts
    where experiments <> '{}' and experiments ? $1 and decided_at >= $2 and decided_at < $3
    order by lead_id, decided_at, assignment_id
), outcome as (
    select e.arm, e.lead_id, extract(epoch from a.given_at - e.received_at) as waited,
           a.given_at is not null as assigned, a.held and a.given_at is null as held,
           a.nurtured and a.given_at is null as nurtured,
           a.touched, a.qualified, a.won,
           exists (select from routing.history h where h.lead_id = e.lead_id
                   and h.status = 'accepted' and h.at >= e.decided_at) as accepted
    from exposed e
    cross join lateral (
        select min(given_at) as given_at, bool_or(status = 'held') as held,
               bool_or(status = 'nurtured') as nurtured,
               bool_or(worked_at is not null) as touched,
               bool_or(qualified_at is not null) as qualified,
               bool_or(closed_by = 'won') as won
        from routing.attempts a where a.lead_id = e.lead_id and a.decided_at >= e.decided_at
    ) a
)
select arm, count(*)::int as leads, (count(*) filter (where held))::int as held,
       (count(*) filter (where nurtured))::int as nurtured,
       (count(*) filter (where assigned))::int as assigned,
       (count(*) filter (where accepted))::int as accepted,
       (count(*) filter (where touched))::int as touched,
       (count(*) filter (where qualified))::int as qualified,
       (count(*) filter (where won))::int as won,
       (percentile_disc(0.5) within group (order by waited))::float8 as p50_s,
       (percentile_disc(0.9) within group (order by waited))::float8 as p90_s
from outcome group by arm order by arm
"""
_NAMES = """
select distinct experiment from routing.experiments order by experiment
"""


async def counts(
    connection: Connection, experiment: str, since: datetime, until: datetime
) -> list[Counts]:
    """Of leads that were drawn in the period, by arm."""
    rows = await connection.fetch(_COUNTS, experiment, since, until)
    return [Counts(**dict(row)) for row in rows]


async def names(connection: Connection) -> list[str]:
    """Every experiment that a lead was ever routed by."""
    return [row["experiment"] for row in await connection.fetch(_NAMES)]
