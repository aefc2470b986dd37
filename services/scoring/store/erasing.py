"""Deletes what is known of a lead. That a company had its one outbound lead stays."""

from __future__ import annotations

from uuid import uuid4

from schemas.erasure import LeadErased
from services.runtime import erasure
from services.runtime.database import Connection
from services.runtime.erasure import Forgotten

HELD = erasure.held_alike(
    "scoring",
    "leads", "touches", "scores", "identities", "visitors", "activities", "owners", "account_leads",
)  # fmt: skip

# First of all the row that everybody locks who does something about the lead.
_LEAD = "delete from scoring.leads where lead_id = $1 returning account_key, score_revision"
_ACTIVITIES = """
delete from scoring.activities where lead_id = $1
    or waits_for in (select token from scoring.identities where lead_id = $1)
    or lead_id is null and visitor_id in
        (select visitor_id from scoring.visitors where lead_id = $1)
"""
_ROWS = ("visitors", "identities", "touches", "scores", "owners")
_MADE = "update scoring.account_leads set lead_id = $2 where lead_id = $1"


async def forget(conn: Connection, event: LeadErased) -> Forgotten:
    """What people did goes too, wherever it waits for this person."""
    found = Forgotten()
    if (lead := await conn.fetchrow(_LEAD, event.lead_id)) is not None:
        found.keys.add(lead["account_key"])
        found.last = lead["score_revision"]
    await conn.execute(_ACTIVITIES, event.lead_id)
    await erasure.delete_alike(conn, event.lead_id, "scoring", *_ROWS)
    await conn.execute(_MADE, event.lead_id, uuid4())
    return found
