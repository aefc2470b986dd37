"""Who has which lead now, as far as assignments.v1 was read."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from schemas.assignment import ACTIVE, AssignmentChanged, AssignmentStatus
from schemas.base import RoleName
from services.delivery.brief import person
from services.delivery.model import Colleague, Current
from services.runtime.database import Connection

_MOST_COLLEAGUES = 3

# A lead that is re-engaged has the owner that it had.
_IS_OWNED = ACTIVE | {AssignmentStatus.RE_ENGAGED}

_KEEP = """
insert into delivery.current as c
    (lead_id, role, account_key, sequence, assignment_id, status, active, rep_id, person, rep_name,
     tier, changed_at, event)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
on conflict (lead_id, role) do update
set account_key = excluded.account_key, sequence = excluded.sequence,
    assignment_id = excluded.assignment_id, status = excluded.status, active = excluded.active,
    rep_id = excluded.rep_id, person = excluded.person, rep_name = excluded.rep_name,
    tier = excluded.tier, changed_at = excluded.changed_at, event = excluded.event
where c.sequence < excluded.sequence
"""


async def keep(conn: Connection, changes: Sequence[tuple[AssignmentChanged, bytes]]) -> None:
    """Remember the newest of each lead and role; an older one changes nothing."""
    ordered = sorted(changes, key=lambda one: (one[0].lead_id, one[0].role, one[0].sequence))
    await conn.executemany(_KEEP, [_row(event, value) for event, value in ordered])


async def changes_of(
    conn: Connection, assignment_ids: Collection[UUID]
) -> dict[UUID, tuple[AssignmentChanged, bytes]]:
    """The latest change of each of these attempts that is its lead's present one."""
    return await _changes(conn, "assignment_id", assignment_ids)


async def changes_of_leads(
    conn: Connection, lead_ids: Collection[UUID]
) -> dict[UUID, tuple[AssignmentChanged, bytes]]:
    """The latest change of each of these leads, in whichever role that was."""
    return await _changes(conn, "lead_id", lead_ids)


async def _changes(
    conn: Connection, column: str, ids: Collection[UUID]
) -> dict[UUID, tuple[AssignmentChanged, bytes]]:
    rows = await conn.fetch(
        f"select {column} as id, event from delivery.current"
        f" where {column} = any($1::uuid[]) and event is not null order by changed_at",
        list(ids),
    )
    return {row["id"]: (AssignmentChanged.read(row["event"]), row["event"]) for row in rows}


def _row(event: AssignmentChanged, value: bytes) -> tuple[object, ...]:
    title = event.lead.job_title
    return (
        event.lead_id,
        event.role.value,
        event.account_key,
        event.sequence,
        event.assignment_id,
        event.status.value,
        event.status in _IS_OWNED,
        event.rep.id if event.rep else None,
        f"{person(event.lead)} ({title})" if title else person(event.lead),
        event.rep.name if event.rep else None,
        event.tier.value,
        event.decided_at,
        value,
    )


async def leads_of(conn: Connection, assignment_ids: Collection[UUID]) -> set[UUID]:
    """The leads of attempts, present and past, as far as any was to be told of."""
    if not assignment_ids:
        return set()
    rows = await conn.fetch(
        "select lead_id from delivery.current where assignment_id = any($1::uuid[])"
        " union select lead_id from delivery.deliveries where assignment_id = any($1::uuid[])",
        list(assignment_ids),
    )
    return {row["lead_id"] for row in rows}


async def of_lead(conn: Connection, lead_id: UUID, role: RoleName) -> Current | None:
    """The latest of a lead."""
    row = await conn.fetchrow(
        f"select {_COLUMNS} from delivery.current where lead_id = $1 and role = $2",
        lead_id,
        role.value,
    )
    return None if row is None else _current(row)


async def of_assignment(conn: Connection, assignment_id: UUID) -> Current | None:
    """The lead's latest, where its present attempt is this one; else None."""
    row = await conn.fetchrow(
        f"select {_COLUMNS} from delivery.current where assignment_id = $1", assignment_id
    )
    return None if row is None else _current(row)


async def colleagues(conn: Connection, event: AssignmentChanged) -> list[Colleague]:
    """Others of the account whom a rep has, the latest first."""
    if event.account_key == str(event.lead_id):
        return []
    rows = await conn.fetch(
        "select person, rep_name from delivery.current"
        " where account_key = $1 and active and lead_id <> $2 and rep_name is not null"
        f" order by changed_at desc limit {_MOST_COLLEAGUES}",
        event.account_key,
        event.lead_id,
    )
    return [Colleague(row["person"], row["rep_name"]) for row in rows]


_COLUMNS = "lead_id, role, sequence, assignment_id, status, active, rep_id, rep_name"


def _current(row: asyncpg.Record) -> Current:
    return Current(
        row["lead_id"],
        RoleName(row["role"]),
        row["sequence"],
        row["assignment_id"],
        row["status"],
        row["active"],
        row["rep_id"],
        row["rep_name"],
    )


_LATE = """
insert into delivery.late_answers (assignment_id, rep_id, action, lead_id, owner, at)
select $1, $2, $3, lead_id, $4, $5 from delivery.deliveries where assignment_id = $1 limit 1
on conflict do nothing
"""


async def answered_late(
    conn: Connection,
    assignment_id: UUID,
    rep_id: str,
    action: str,
    owner: str | None,
    at: datetime,
) -> None:
    """Remember an answer that changed nothing; nothing for an attempt that nobody was told of.

    :param owner: name of who had the lead by then.
    """
    await conn.execute(_LATE, assignment_id, rep_id, action, owner, at)


async def owner_after(conn: Connection, assignment_id: UUID) -> str | None:
    """Name of who has the lead of an attempt now; None for nobody, and for what is unknown."""
    owner: str | None = await conn.fetchval(
        "select c.rep_name from delivery.current c where c.active and c.lead_id ="
        " (select lead_id from delivery.deliveries where assignment_id = $1 limit 1)"
        " order by c.changed_at desc limit 1",
        assignment_id,
    )
    return owner
