"""Deletes what is known of a lead, and stops its clocks with it."""

from __future__ import annotations

from schemas.erasure import LeadErased
from services.runtime import erasure
from services.runtime.database import Connection
from services.runtime.erasure import Forgotten

HELD = erasure.held_alike(
    "response",
    "leads", "clocks", "enrolments", "history", "told", "attempts", "addresses", "unmatched",
)  # fmt: skip

# As the handlers lock a lead, which may not have a row yet.
_LOCK = "select pg_advisory_xact_lock(hashtextextended('response.lead' || $1::text, 0))"
_AGAIN = "select exists (select from response.leads where lead_id = $1 and raised_at > $2)"
_LEADS = "delete from response.leads where lead_id = $1 returning account_key"
_ATTEMPTS = "select assignment_id from response.attempts where lead_id = $1"
_UNMATCHED = """
delete from response.unmatched where lead_id = $1 or assignment_id = any($2::uuid[])
    or email in (select email from response.addresses where lead_id = $1)
"""
_ROWS = ("clocks", "enrolments", "history", "told", "attempts", "addresses")


async def forget(conn: Connection, event: LeadErased) -> Forgotten:
    """Of somebody who has raised a hand again meanwhile, what runs for that is kept."""
    await conn.execute(_LOCK, str(event.lead_id))
    attempts = [row[0] for row in await conn.fetch(_ATTEMPTS, event.lead_id)]
    found = Forgotten(names={str(one) for one in attempts})
    await conn.execute(_UNMATCHED, event.lead_id, attempts)
    if await conn.fetchval(_AGAIN, event.lead_id, event.erased_at):
        return found
    found.keys |= {row[0] for row in await conn.fetch(_LEADS, event.lead_id)}
    await erasure.delete_alike(conn, event.lead_id, "response", *_ROWS)
    return found
