"""Deletes what is known of a lead. What was spent stays, under an id that names nobody."""

from __future__ import annotations

from uuid import uuid4

from schemas import topics
from schemas.base import Lane
from schemas.erasure import LeadErased
from schemas.lead import LeadCaptured
from services.runtime import erasure
from services.runtime.database import Connection
from services.runtime.erasure import Forgotten

HELD = erasure.held_alike("enrichment", "leads", "revisions", "jobs", "promises", "calls")

# First of all the row that everybody locks who does something about the lead.
_LEAD = """
update enrichment.leads set said = '{}', bought = '{}' where lead_id = $1
returning account_key, revision
"""
_JOBS = """
select input_id, lane, captured, published from enrichment.jobs where lead_id = $1 for update
"""
_OVER = "delete from enrichment.jobs where input_id = $1"
# Where the person has raised a hand again, and that waits, the row is needed.
_GONE = """
delete from enrichment.leads l where lead_id = $1
and not exists (select from enrichment.jobs j where j.lead_id = l.lead_id)
"""
_ANSWERS = """
delete from enrichment.answers a using enrichment.calls c
where c.lead_id = $1 and a.provider = c.provider and a.question = c.question
"""
_CALLS = "update enrichment.calls set lead_id = $2, question = null where lead_id = $1"


async def forget(conn: Connection, event: LeadErased) -> Forgotten:
    """A submission that waited for an answer has its end by this."""
    found = Forgotten()
    if (lead := await conn.fetchrow(_LEAD, event.lead_id)) is not None:
        found.keys.add(lead["account_key"])
        found.last = lead["revision"]
    for job in await conn.fetch(_JOBS, event.lead_id):
        waited = LeadCaptured.read(job["captured"])
        if waited.received_at > event.erased_at:
            continue
        await conn.execute(_OVER, job["input_id"])
        if not job["published"]:
            topic = topics.captured(Lane(job["lane"]))
            found.outputs += erasure.end_of(waited, topic.name, "enrichment")
    await conn.execute(_GONE, event.lead_id)
    await erasure.delete_alike(conn, event.lead_id, "enrichment", "promises", "revisions")
    await conn.execute(_ANSWERS, event.lead_id)
    await conn.execute(_CALLS, event.lead_id, uuid4())
    return found
