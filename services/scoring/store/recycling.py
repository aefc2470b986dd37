"""Disqualified leads whose time has come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.runtime.database import Connection

_TAKE = """
with due as materialized (
    select lead_id, recycle_at, disqualified_for from scoring.leads
    where recycle_at <= $1 and latest is not null
    order by recycle_at, lead_id limit $2 for update skip locked
), taken as (
    update scoring.leads l set recycle_at = null from due where l.lead_id = due.lead_id
)
select due.lead_id, l.account_key, l.latest, due.recycle_at, due.disqualified_for,
       (select count(*) from scoring.touches t where t.lead_id = due.lead_id) as touches
from due join scoring.leads l using (lead_id) order by due.recycle_at, due.lead_id
"""


@dataclass(frozen=True, slots=True)
class Due:
    """A lead that comes back."""

    lead_id: UUID
    account_key: str
    latest: bytes
    """The newest LeadEnriched as JSON."""
    recycle_at: datetime
    disqualified_for: str | None
    touches: int


async def take(conn: Connection, now: datetime, limit: int) -> list[Due]:
    """Those whose date is over, each once; the caller's transaction sees to what follows."""
    return [Due(**dict(row)) for row in await conn.fetch(_TAKE, now, limit)]
