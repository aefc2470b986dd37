"""Leads as they were at their latest score, for whoever tries another model on them. Read only."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterable
from datetime import datetime
from uuid import UUID

import asyncpg
from pydantic_core import from_json

from schemas.base import TierName
from schemas.enrichment import LeadEnriched
from services.kernel.facts import facts_of, without_identifiers
from services.runtime.database import Connection
from services.scoring.happened import Around
from services.scoring.model import Touch
from services.scoring.simulation import Recorded, Verdict
from services.scoring.store import around, leads

PAGE = 500

_PAGE = """
select l.lead_id, l.account_key, l.latest, s.at, s.version, s.tier, s.mql, s.fit, s.intent, s.total,
       s.ledger::text as ledger, s.facts::text as facts
from scoring.leads l join scoring.scores s using (lead_id, score_revision)
where l.lead_id > $1 and l.latest is not null
  and ($2::timestamptz is null or s.at >= $2) and ($3::timestamptz is null or s.at < $3)
order by l.lead_id limit $4
"""


_OF_LEAD = """
select l.lead_id, l.account_key, l.latest, s.at, s.version, s.tier, s.mql, s.fit, s.intent, s.total,
       s.ledger::text as ledger, s.facts::text as facts
from scoring.leads l join scoring.scores s using (lead_id, score_revision)
where l.lead_id = $1 and l.latest is not null
"""

_WHAT = """
select event_id, kind as what, at from scoring.touches
where lead_id = $1 and event_id = any($2::uuid[])
union all
select activity_id, concat_ws(' ', activity, page_kind), at from scoring.activities
where activity_id = any($2::uuid[])
union all
select signal_id, signal || ' (' || provider || ')', at from scoring.signals
where signal_id = any($2::uuid[])
"""


async def recorded(
    conn: Connection, since: datetime | None = None, until: datetime | None = None
) -> AsyncIterator[Recorded]:
    """Every lead whose latest score holds for that period, in the order of lead ids."""
    last = UUID(int=0)
    while rows := await conn.fetch(_PAGE, last, since, until, PAGE):
        last = rows[-1]["lead_id"]
        accounts = {row["lead_id"]: row["account_key"] for row in rows}
        happened = await around.around(conn, accounts)
        touches = await leads.touches(conn, accounts)
        for row in rows:
            lead = row["lead_id"]
            yield _recorded(row, touches.get(lead, []), happened[lead])


async def of_lead(conn: Connection, lead_id: UUID) -> Recorded | None:
    """One lead as it was at its latest score."""
    row = await conn.fetchrow(_OF_LEAD, lead_id)
    if row is None:
        return None
    happened = await around.around(conn, {lead_id: row["account_key"]})
    touches = await leads.touches(conn, [lead_id])
    return _recorded(row, touches.get(lead_id, []), happened[lead_id])


async def what_happened(
    conn: Connection, lead_id: UUID, events: Iterable[UUID]
) -> dict[UUID, tuple[str, datetime]]:
    """What the events of ledger lines were, in a word, and when."""
    rows = await conn.fetch(_WHAT, lead_id, list(events))
    return {row["event_id"]: (row["what"], row["at"]) for row in rows}


def _facts(row: asyncpg.Record) -> dict[str, object]:
    """What identifies a person is not kept with a score, but with the lead."""
    facts = facts_of(LeadEnriched.read(row["latest"]))
    if row["facts"] is None:
        return facts
    personal = {name: facts[name] for name in facts.keys() - without_identifiers(facts).keys()}
    return {**personal, **from_json(row["facts"])}


def _recorded(row: asyncpg.Record, touches: list[Touch], happened: Around) -> Recorded:
    points: Counter[str] = Counter()
    for line in from_json(row["ledger"]):
        points[line["rule"]] += line["points"]
    return Recorded(
        lead_id=row["lead_id"],
        account_key=row["account_key"],
        at=row["at"],
        version=row["version"],
        verdict=Verdict(TierName(row["tier"]), row["mql"], row["fit"], row["intent"], row["total"]),
        points=points,
        facts=_facts(row),
        touches=tuple(touches),
        around=happened.until(row["at"]),
    )
