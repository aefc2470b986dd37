"""Reading what was decided: for explaining, repeating and simulating it. Never locks anything."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from pydantic_core import from_json

from services.routing.repeating import OVERLAYS, Overlays, Stored
from services.runtime.database import Connection

_PAGE = 500

# The features of a decision are those of its record; a change without a record decided nothing.
_REPEATABLE = """
select lead_id, sequence, assignment_id, record::text as record from routing.story
where record is not null and record->'state' is not null
  and ($1::timestamptz is null or at >= $1) and ($2::timestamptz is null or at < $2)
order by at, lead_id, sequence
"""

_OF_LEAD = """
select sequence, at, assignment_id, role, cycle, attempt, status, rep_id, pool, reason, rule_path,
       config_version, submission_id, ended, record::text as record
from routing.story where lead_id = $1 order by sequence
"""


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


async def of_lead(connection: Connection | asyncpg.Pool, lead_id: UUID) -> list[dict[str, Any]]:
    """Every change of a lead's assignments, the oldest first; empty for an unknown lead."""
    rows = [dict(row) for row in await connection.fetch(_OF_LEAD, lead_id)]
    for row in rows:
        row["record"] = from_json(row["record"]) if row["record"] is not None else None
    return rows
