"""What lies on the list of a pull pool. Never locks anything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from schemas.score import LeadScored
from services.runtime.database import Connection

MOST = 200
"""Shown at a time."""

_OFFERED = f"""
select a.assignment_id, a.lead_id, a.tier, a.origin->>'kind' as kind, a.origin->>'source' as source,
       a.received_at, a.offered_until, l.scored
from routing.attempts a join routing.leads l using (lead_id)
where a.status = 'held' and a.pool = $1 and a.waits_for is null
order by a.tier_rank, a.received_at, a.assignment_id limit {MOST}
"""


@dataclass(frozen=True, slots=True)
class Offer:
    """One lead that can be claimed; not how to reach the person, whom somebody has to own first."""

    assignment_id: UUID
    lead_id: UUID
    tier: str
    kind: str
    source: str
    received_at: datetime
    offered_until: datetime | None
    """Null: nobody claimed it in time and nobody was free since; it can still be claimed."""
    company: str | None
    job_title: str | None
    country: str | None
    score: int
    """In hundredths of a point."""


async def offered(connection: Connection, pool: str) -> list[Offer]:
    """The first :data:`MOST`, by tier and age."""
    return [_offer(dict(row)) for row in await connection.fetch(_OFFERED, pool)]


def _offer(row: dict[str, object]) -> Offer:
    scored = LeadScored.read(str(row.pop("scored")))
    lead = scored.lead
    return Offer(
        **row,  # type: ignore[arg-type]
        company=lead.company,
        job_title=lead.job_title,
        country=lead.country,
        score=scored.score.total,
    )
