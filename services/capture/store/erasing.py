"""Deletes what is known of a person; by the hashes of their identifiers what is older is known."""

from __future__ import annotations

from schemas.erasure import LeadErased
from services.runtime import erasure
from services.runtime.database import Connection
from services.runtime.erasure import Forgotten

_OF = "submission_id in (select submission_id from capture.touches where lead_id = $1)"
HELD = {
    **erasure.held_alike("capture", "identities", "leads", "touches"),
    "capture.outcomes": _OF,
    "capture.quarantine": _OF,
}

_IDENTITIES = "delete from capture.identities where lead_id = $1 returning token"
_LEAD = "delete from capture.leads where lead_id = $1 returning account_key"
_TOUCHES = "delete from capture.touches where lead_id = $1 returning submission_id"
_OUTCOMES = "delete from capture.outcomes where submission_id = any($1::uuid[])"
_QUARANTINE = """
delete from capture.quarantine where submission_id = any($1::uuid[])
returning quarantine_id::text as name,
          convert_from(submission, 'UTF8')::json->>'delivery_key' as key
"""
_FETCHES = """
select submission_id::text as name, convert_from(key, 'UTF8') as key from capture.fetches
where submission_id = any($1::uuid[]) and key is not null
"""


async def forget(conn: Connection, event: LeadErased) -> Forgotten:
    """Delivery keys stay: by them a sender's retry is no new hand-raise."""
    found = Forgotten()
    tokens = [row["token"] for row in await conn.fetch(_IDENTITIES, event.lead_id)]
    if (lead := await conn.fetchrow(_LEAD, event.lead_id)) is not None:
        found.keys.add(lead["account_key"])
    submissions = [row[0] for row in await conn.fetch(_TOUCHES, event.lead_id)]
    await conn.execute(_OUTCOMES, submissions)
    for statement in (_QUARANTINE, _FETCHES):
        for row in await conn.fetch(statement, submissions):
            found.names.add(row["name"])
            found.keys.add(row["key"])
    await erasure.remember(conn, "capture", tokens, event.erased_at)
    return found
