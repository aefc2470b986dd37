"""Deletes what was to be told of a lead, and what was. Who wants to hear nothing more stays."""

from __future__ import annotations

from schemas.erasure import LeadErased
from services.runtime import erasure
from services.runtime.database import Connection
from services.runtime.erasure import Forgotten

_OF = "(select assignment_id from delivery.deliveries where lead_id = $1)"
HELD = {
    **erasure.held_alike("delivery", "current", "deliveries", "crm_changes", "late_answers"),
    "delivery.attempts": "delivery_id in"
    " (select delivery_id from delivery.deliveries where lead_id = $1)",
    "delivery.messages": f"subject = $1 or subject in {_OF}",
    "delivery.early": f"assignment_id in {_OF}",
}

_CURRENT = """
delete from delivery.current where lead_id = $1 and changed_at <= $2
returning account_key, assignment_id
"""
_DELIVERIES = """
delete from delivery.deliveries where lead_id = $1 and created_at <= $2
returning delivery_id, assignment_id
"""
_ATTEMPTS = "delete from delivery.attempts where delivery_id = any($1::uuid[])"
_MESSAGES = "delete from delivery.messages where subject = any($1::uuid[])"
_EARLY = "delete from delivery.early where assignment_id = any($1::uuid[])"
_ROWS = tuple(
    f"delete from delivery.{table} where lead_id = $1" for table in ("crm_changes", "late_answers")
)


async def forget(conn: Connection, event: LeadErased) -> Forgotten:
    """What still waits to be delivered is not delivered any more."""
    current = await conn.fetch(_CURRENT, event.lead_id, event.erased_at)
    sent = await conn.fetch(_DELIVERIES, event.lead_id, event.erased_at)
    assignments = {row["assignment_id"] for row in (*current, *sent)}
    await conn.execute(_ATTEMPTS, [row["delivery_id"] for row in sent])
    await conn.execute(_MESSAGES, [event.lead_id, *assignments])
    await conn.execute(_EARLY, list(assignments))
    for statement in _ROWS:
        await conn.execute(statement, event.lead_id)
    keys = {row["account_key"] for row in current}
    return Forgotten(keys, {str(one) for one in assignments})
