"""Who is known of an account, as scoring last saw them. Read only."""

from __future__ import annotations

from pydantic_core import from_json

from services.runtime.database import Connection
from services.scoring.committee import Person

MOST = 500
"""People of one account, the best first."""

_PEOPLE = """
select l.lead_id, s.total, s.tier, s.facts::text as facts
from scoring.leads l join scoring.scores s using (lead_id, score_revision)
where l.account_key = $1 order by s.total desc, l.lead_id limit $2
"""


async def people(conn: Connection, account_key: str) -> list[Person]:
    """The people of an account."""
    found = []
    for row in await conn.fetch(_PEOPLE, account_key, MOST):
        facts = from_json(row["facts"]) if row["facts"] else {}
        seniority, department = facts.get("person.seniority"), facts.get("person.department")
        found.append(Person(row["lead_id"], seniority, department, row["total"], row["tier"]))
    return found


async def account_of(conn: Connection, lead_id: object) -> str | None:
    """The account key of a lead."""
    found = await conn.fetchval("select account_key from scoring.leads where lead_id = $1", lead_id)
    return None if found is None else str(found)
