"""Takes the person out of what was decided. The decisions stay, of a lead that names nobody.

So turns, counts and records add up, and can be repeated: see docs/privacy.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

from pydantic_core import from_json, to_json

from schemas.assignment import AssignmentStatus
from schemas.erasure import LeadErased
from schemas.topics import ASSIGNMENTS_CURRENT
from services.routing.model import OPEN, ClosedBy
from services.routing.recording import without_person
from services.routing.store import sql
from services.runtime import erasure
from services.runtime.database import Connection
from services.runtime.erasure import Forgotten
from services.runtime.records import Output

HELD = {
    **erasure.held_alike("routing", "attempts", "history"),
    "routing.leads": "lead_id = $1 and erased_at is null",
    "routing.realignment_moves": "subject = $1::uuid::text or assignment_id in"
    " (select assignment_id from routing.attempts where lead_id = $1)",
    "routing.unmatched": "event::json->>'lead_id' = $1::uuid::text",
}

REASON = "Erased."

_LEAD = """
select account_key, sequence, scored::json->'lead'->>'email' as email,
       scored::json->'lead'->>'phone' as phone
from routing.leads where lead_id = $1
"""
_ATTEMPTS = "select assignment_id, status, received_at from routing.attempts where lead_id = $1"
_NOBODY = """
insert into routing.leads (lead_id, account_key, sequence, score_revision)
values ($1, $2, $3, 0)
"""
# The row stays while older events may come: the numbers of a new life go on behind its own.
_BLANK = """
update routing.leads set scored = null, last_activity = null, last_activity_at = null,
    merged_into = null, score_revision = 0, erased_at = $2
where lead_id = $1
"""
_STOOD_FOR = "update routing.leads set merged_into = $2 where merged_into = $1"
_ATTEMPT = """
update routing.attempts set assignment_id = $2, lead_id = $3, account_key = $4, reason = $5,
    closed_by = case when status = any($6::text[]) then $8 else closed_by end,
    status = case when status = any($6::text[]) then $7 else status end,
    held_until = null, offered_until = null, waits_for = null
where assignment_id = $1
"""
_HISTORY = """
select sequence, record::text as record from routing.history
where lead_id = $1 and assignment_id = $2
"""
_TOLD = """
update routing.history set assignment_id = $3, lead_id = $4, reason = $5, record = ($6::text)::json
where lead_id = $1 and sequence = $2
"""
_ENDED = """
insert into routing.history (lead_id, sequence, assignment_id, role, cycle, attempt, at, status,
                             rep_id, pool, reason, rule_path, config_version)
select lead_id, $2, assignment_id, role, cycle, attempt, now(), status, rep_id, pool, reason,
       rule_path, config_version
from routing.attempts where assignment_id = $1
"""
_MOVED = """
update routing.realignment_moves set
    assignment_id = case when assignment_id = $1 then $2 else assignment_id end,
    by_assignment = case when by_assignment = $1 then $2 else by_assignment end,
    subject = case when subject = $3 then $4 else subject end
where assignment_id = $1 or by_assignment = $1
"""
_UNMATCHED = """
delete from routing.unmatched
where event::json->>'lead_id' = $1 or event::json->>'assignment_id' = any($2::text[])
   or lower(event::json->>'email') = lower($3) or event::json->>'phone' = $4
"""


async def forget(conn: Connection, event: LeadErased) -> Forgotten:
    """What is open is closed; whoever keeps the latest of each lead hears that there is none."""
    lead = await conn.fetchrow(_LEAD, event.lead_id)
    if lead is None:
        return Forgotten()
    await conn.execute(sql.LOCK, [lead["account_key"]], [], [], [])
    attempts = await conn.fetch(_ATTEMPTS, event.lead_id)
    older = {one[0]: one[1] for one in attempts if one["received_at"] <= event.erased_at}
    nobody = uuid4()
    account = lead["account_key"] if "." in lead["account_key"] else str(nobody)
    sequence = await conn.fetchval(
        "select sequence from routing.leads where lead_id = $1", event.lead_id
    )
    await conn.execute(_NOBODY, nobody, account, sequence)
    for assignment_id, status in older.items():
        sequence += 1
        await _decided(conn, (event.lead_id, assignment_id), (nobody, account), status, sequence)
    await conn.execute(_STOOD_FOR, event.lead_id, nobody)
    told = [str(event.lead_id), [str(one) for one in older], lead["email"], lead["phone"]]
    await conn.execute(_UNMATCHED, *told)
    found = Forgotten({lead["account_key"]}, set(), sequence)
    if len(older) == len(attempts):  # else the person has raised a hand again meanwhile
        await conn.execute(_BLANK, event.lead_id, event.erased_at)
        found.outputs.append(
            Output(ASSIGNMENTS_CURRENT.name, str(event.lead_id).encode(), None, ())
        )
    return found


async def _decided(
    conn: Connection, was: tuple[UUID, UUID], now: tuple[UUID, str], status: str, sequence: int
) -> None:
    """One attempt, with what was told of it.

    :param was: lead and assignment.
    :param now: the lead and the account that stand there from now on.
    """
    (lead, assignment), (nobody, account) = was, now
    anew = _nobodys()
    closed = AssignmentStatus.CLOSED.value, ClosedBy.ERASED.value
    await conn.execute(_ATTEMPT, assignment, anew, nobody, account, REASON, list(OPEN), *closed)
    for row in await conn.fetch(_HISTORY, lead, assignment):
        record = _without_person(row["record"])
        await conn.execute(_TOLD, lead, row["sequence"], anew, nobody, REASON, record)
    if status in OPEN:
        await conn.execute(_ENDED, anew, sequence)
    await conn.execute(_MOVED, assignment, anew, str(lead), str(nobody))


def _nobodys() -> UUID:
    """An id behind every other: who waited before the lead still did, when that is repeated."""
    return UUID(int=(0xFFFFFFFF << 96) | (uuid4().int & ((1 << 96) - 1)))


def _without_person(record: str | None) -> str | None:
    if record is None:
        return None
    kept: Mapping[str, Any] = without_person(from_json(record))
    return to_json(kept).decode()
