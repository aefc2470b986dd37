"""What nobody asks about and must not be forgotten: idle attempts, stranded leads."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.routing.store.boards import Scope
from services.runtime.database import Connection

_IDLE = """
select assignment_id, lead_id, account_key, role from routing.attempts
where status in ('assigned', 'reassigned', 'accepted', 'escalated')
  and greatest(touched_at, worked_at) <= $1
order by greatest(touched_at, worked_at), assignment_id limit $2
"""
_OVERDUE = """
select count(*) from routing.attempts where status = 'held' and held_until <= $1
"""
_NO_POOL = """
select count(*) from routing.attempts where status = 'held' and pool is null
"""
_WITHOUT_OWNER = """
select count(*) from routing.attempts
where status in ('assigned', 'reassigned', 'accepted', 'escalated') and rep_id <> all($1::text[])
"""
_GIVEN_UP = """
select count(*)
from (
    select distinct lead_id, role from routing.history
    where at > $1 and status in ('expired', 'rejected')
) ended
cross join lateral (
    select status from routing.attempts a where (a.lead_id, a.role) = (ended.lead_id, ended.role)
    order by cycle desc, attempt desc limit 1
) last
where last.status in ('expired', 'rejected') and not exists (
    select from routing.attempts a where a.lead_id = ended.lead_id and a.role <> ended.role
    and a.status in ('assigned', 'reassigned', 'accepted', 'escalated', 'held', 'closed'))
"""


@dataclass(frozen=True, slots=True)
class Idle:
    """An attempt about which nothing happened."""

    assignment_id: UUID
    lead_id: UUID
    account_key: str
    role: str


@dataclass(frozen=True, slots=True)
class Stranded:
    """Leads that wait for something that will not come; all 0 is as it should be."""

    overdue: int
    """Held, and their next try was due a while ago: nobody drains."""
    without_pool: int
    """Held for no pool, so that no drain finds them."""
    without_owner: int
    """With somebody who is not in teams.yaml or has left."""
    given_up: int
    """The last attempt ended, and none took its place."""


async def idle(connection: Connection, since: datetime, limit: int) -> list[Idle]:
    """Active attempts untouched since then, the longest first."""
    return [Idle(**dict(row)) for row in await connection.fetch(_IDLE, since, limit)]


def scope_of(found: Collection[Idle]) -> Scope:
    """What must be locked to close them."""
    return Scope(
        leads={one.lead_id: 0 for one in found},
        accounts=frozenset(one.account_key for one in found),
        pools=frozenset(),
    )


async def stranded(
    connection: Connection, due_before: datetime, seen_from: datetime, working: Collection[str]
) -> Stranded:
    """Count what is stranded.

    :param due_before: a hold whose next try was due by then is overdue.
    :param seen_from: attempts that ended before were looked at by earlier sweeps.
    :param working: everybody who may own a lead.
    """
    return Stranded(
        overdue=await connection.fetchval(_OVERDUE, due_before),
        without_pool=await connection.fetchval(_NO_POOL),
        without_owner=await connection.fetchval(_WITHOUT_OWNER, sorted(working)),
        given_up=await connection.fetchval(_GIVEN_UP, seen_from),
    )
