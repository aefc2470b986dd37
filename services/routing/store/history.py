"""Reading what was decided: for explaining, repeating and simulating it. Never locks anything."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from pydantic import TypeAdapter
from pydantic_core import from_json

from schemas.base import RoleName
from services.routing.fairness import Turn
from services.routing.overlay import RepChange
from services.routing.repeating import OVERLAYS, Overlays, Stored
from services.routing.review.correcting import Current
from services.routing.review.traffic import Row
from services.routing.state import TurnKey
from services.runtime.database import Connection

_PAGE = 500
_FEW = 100
"""Where a running service reads: what else it does waits for no more than a page."""

# The features of a decision are those of its record; a change without a record decided nothing.
_REPEATABLE = """
select lead_id, sequence, assignment_id, record::text as record from routing.story
where record is not null and record->'state' is not null
  and ($1::timestamptz is null or at >= $1) and ($2::timestamptz is null or at < $2)
order by at, lead_id, sequence
"""

_OF_LEAD = """
select sequence, at, assignment_id, role, cycle, attempt, status, rep_id, pool, reason, rule_path,
       config_version, submission_id, ended, record::text as record,
       (select merged_into from routing.merged where lead_id = $1) as merged_into
from routing.story where lead_id = $1 order by sequence
"""

_COLUMNS = "lead_id, role, sequence, at, assignment_id, status, rep_id, pool, ended, account_key"

_TRAFFIC = f"""
select {_COLUMNS}, record::text as record from routing.traffic
where at >= $1 and at < $2 order by at, nth
"""

# The last change of each attempt, with the last record that placed it.
_STANDING = f"""
select {_COLUMNS}, coalesce(
    case when record->'state' is not null then record::text end,
    (select record::text from routing.traffic p
     where (p.lead_id, p.role) = (t.lead_id, t.role) and p.sequence < t.sequence
       and p.record->'state' is not null
     order by p.sequence desc limit 1)
) as record
from (
    select distinct on (lead_id, role) * from routing.traffic where at < $1
    order by lead_id, role, sequence desc
) t
where status not in ('closed', 'rejected', 'expired')
"""

_GIVEN = """
select rep_id, pool, coalesce(record->'features'->>'motion', 'inbound') as motion, at
from routing.traffic t
where at >= $1::timestamptz - interval '7 days' and at < $1 and rep_id is not null
  and status in ('assigned', 'reassigned', 'escalated') and record->'outcome' is not null
  and not exists (
    select from routing.traffic b where b.assignment_id = t.assignment_id and b.at < $1
    and b.record->'returned' is not null)
order by at
"""

_PLACED = """
select lead_id, role, pool, status, (record->'features')::text as features from routing.traffic
where at >= $1 and at < $2 and record->'outcome' is not null and record->'features' is not null
order by at desc, nth desc limit $3
"""

_CURRENT = """
select assignment_id, lead_id, role, status, rep_id, pool, coalesce(touched, false) as touched
from routing.current where given_at >= $1 order by given_at
"""

_TURNS = "select pool, tier_group, member, count, entitlement from routing.turns"

_REP_CHANGES = """
select coalesce(json_agg(to_json(c) order by c.id)::text, '[]') from routing.rep_changes c
"""
_CHANGES = TypeAdapter(list[RepChange])


async def overlays(connection: Connection) -> Overlays:
    """What operators had changed by command, by the key that decision records hold."""
    rows = await connection.fetch("select key, overlays::text from routing.changes_by_command")
    return {row["key"]: OVERLAYS.validate_json(row["overlays"]) for row in rows}


async def repeatable(
    connection: asyncpg.Connection, since: datetime | None = None, until: datetime | None = None
) -> AsyncIterator[Stored]:
    """Every placement of a period, the oldest first; must run inside a transaction."""
    async for row in connection.cursor(_REPEATABLE, since, until, prefetch=_PAGE):
        yield Stored(
            row["lead_id"], row["sequence"], row["assignment_id"], from_json(row["record"])
        )


async def rows(
    connection: asyncpg.Connection, since: datetime, until: datetime
) -> AsyncIterator[Row]:
    """Every change of a period with its record, the oldest first; inside a transaction."""
    async for row in connection.cursor(_TRAFFIC, since, until, prefetch=_PAGE):
        yield _row(row)


async def standing(connection: Connection, since: datetime) -> list[Row]:
    """The last change of every attempt that was open when a period began."""
    return [_row(row) for row in await connection.fetch(_STANDING, since)]


async def given(
    connection: Connection, since: datetime
) -> list[tuple[str, str | None, str, datetime]]:
    """Rep, pool, motion and time of every lead that was given in the week before."""
    found = await connection.fetch(_GIVEN, since)
    return [(row["rep_id"], row["pool"], row["motion"], row["at"]) for row in found]


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a lead was placed, and what was known of it then."""

    lead_id: UUID
    role: str
    pool: str | None
    status: str
    features: dict[str, Any]


async def placed(
    connection: asyncpg.Connection, since: datetime, until: datetime, most: int | None = None
) -> AsyncIterator[Placed]:
    """Every placement of a period, the newest first; must run inside a transaction."""
    async for row in connection.cursor(_PLACED, since, until, most, prefetch=_FEW):
        yield Placed(**{**dict(row), "features": from_json(row["features"])})


async def current(connection: Connection, since: datetime) -> list[Current]:
    """Who has which lead now, of those given since then."""
    return [
        Current(
            row["assignment_id"],
            (row["lead_id"], RoleName(row["role"])),
            row["status"],
            row["rep_id"],
            row["pool"],
            row["touched"],
        )
        for row in await connection.fetch(_CURRENT, since)
    ]


async def turns(connection: Connection) -> dict[TurnKey, dict[str, Turn]]:
    """How every member stands now."""
    found: dict[TurnKey, dict[str, Turn]] = {}
    for row in await connection.fetch(_TURNS):
        rotation = found.setdefault((row["pool"], row["tier_group"]), {})
        rotation[row["member"]] = Turn(row["count"], row["entitlement"])
    return found


async def rep_changes(connection: Connection) -> list[RepChange]:
    """What operators ever changed about people, in both times."""
    return _CHANGES.validate_json(await connection.fetchval(_REP_CHANGES))


def _row(row: asyncpg.Record) -> Row:
    record = row["record"]
    columns: dict[str, Any] = dict(row)
    columns["record"] = from_json(record) if record is not None else None
    return Row(**columns)


async def of_lead(connection: Connection | asyncpg.Pool, lead_id: UUID) -> list[dict[str, Any]]:
    """Every change of a lead's assignments, the oldest first; empty for an unknown lead.

    Each with the lead that stands for this one now, ``merged_into``.
    """
    rows = [dict(row) for row in await connection.fetch(_OF_LEAD, lead_id)]
    for row in rows:
        row["record"] = from_json(row["record"]) if row["record"] is not None else None
    return rows
