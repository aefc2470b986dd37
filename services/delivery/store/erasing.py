"""Deletes what was to be told of a lead, and what was. Who wants to hear nothing more stays."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.assignment import AssignmentChanged
from schemas.erasure import LeadErased
from services.delivery.farewell import Farewell, Told
from services.runtime import erasure
from services.runtime.database import Connection
from services.runtime.erasure import Forgotten

_OF = "(select assignment_id from delivery.deliveries where lead_id = $1)"
HELD = {
    **erasure.held_alike("delivery", "current", "crm_changes", "late_answers"),
    "delivery.deliveries": "lead_id = $1 and not farewell",
    "delivery.attempts": "delivery_id in"
    " (select delivery_id from delivery.deliveries where lead_id = $1 and not farewell)",
    "delivery.messages": f"subject = $1 or subject in {_OF}",
    "delivery.early": f"assignment_id in {_OF}",
}

_CURRENT = """
delete from delivery.current where lead_id = $1 and changed_at <= $2
returning account_key, assignment_id
"""
_DELIVERIES = """
delete from delivery.deliveries where lead_id = $1 and created_at <= $2 and not farewell
returning delivery_id, assignment_id
"""
_ATTEMPTS = "delete from delivery.attempts where delivery_id = any($1::uuid[])"
_MESSAGES = "delete from delivery.messages where subject = any($1::uuid[])"
_EARLY = "delete from delivery.early where assignment_id = any($1::uuid[])"
_ROWS = ("crm_changes", "late_answers")


# The message about an attempt, or what runs for the lead; of a reminder, its reference.
_TOLD = """
select d.sink, d.event,
       case when d.touch is not null and position(' ' in d.ref) > 0 then d.ref else m.place end
from delivery.deliveries d
left join delivery.messages m on m.sink = d.sink and m.subject in (d.assignment_id, d.lead_id)
where d.lead_id = $1 and d.created_at <= $2 and not d.farewell
  and (d.state = 'delivered' or d.attempts > 0)
order by d.created_at desc
"""
_FAREWELL = """
insert into delivery.deliveries
    (delivery_id, sink, lead_id, role, assignment_id, lane_rank, event, farewell, place)
values ($1, $2, $3, $4, $5, 0, $6, true, $7)
on conflict (delivery_id) do nothing
"""


async def told(conn: Connection, event: LeadErased) -> list[Told]:
    """What sinks may have heard of a lead, the newest first."""
    rows = await conn.fetch(_TOLD, event.lead_id, event.erased_at)
    return [Told(row[0], AssignmentChanged.read(row[1]), row[2]) for row in rows]


async def say_farewell(conn: Connection, farewells: Sequence[Farewell]) -> None:
    """Store what sinks are told last."""
    await conn.executemany(
        _FAREWELL,
        [
            (
                one.delivery_id,
                one.sink,
                one.event.lead_id,
                one.event.role.value,
                one.event.assignment_id,
                one.event.encode(),
                one.place,
            )
            for one in farewells
        ],
    )


async def forget(conn: Connection, event: LeadErased) -> Forgotten:
    """What still waits to be delivered is not delivered any more."""
    current = await conn.fetch(_CURRENT, event.lead_id, event.erased_at)
    sent = await conn.fetch(_DELIVERIES, event.lead_id, event.erased_at)
    assignments = {row["assignment_id"] for row in (*current, *sent)}
    await conn.execute(_ATTEMPTS, [row["delivery_id"] for row in sent])
    await conn.execute(_MESSAGES, [event.lead_id, *assignments])
    await conn.execute(_EARLY, list(assignments))
    await erasure.delete_alike(conn, event.lead_id, "delivery", *_ROWS)
    keys = {row["account_key"] for row in current}
    return Forgotten(keys, {str(one) for one in assignments})
