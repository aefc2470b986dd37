"""Realignments of territories: what somebody has now, what is to move, what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from schemas.assignment import AssignmentStatus
from schemas.base import RoleName
from schemas.score import LeadScored
from services.routing.companies import Company
from services.routing.review.moves import Move
from services.routing.store import companies
from services.runtime.database import Connection

_HELD = """
select a.assignment_id, a.lead_id, a.account_key, a.role, a.status, a.rep_id, a.pool,
       greatest(a.worked_at, case when a.status = 'accepted' then a.changed_at end) as worked_at,
       l.scored, l.last_activity, l.last_activity_at
from routing.attempts a join routing.leads l using (lead_id)
where a.status in ('assigned', 'reassigned', 'accepted', 'escalated') and a.rep_id is not null
  and l.scored is not null and a.assignment_id > $1
order by a.assignment_id limit $2
"""
_OWNED = """
select company_id from routing.companies
where company_id > $1 and (owners ? 'account' or owners ? 'named')
order by company_id limit $2
"""
_BEGUN = "select * from routing.realignments where finished_at is null"
_BEGIN = """
insert into routing.realignments (config_version, by, reason, untouched_for_days, started_at)
values ($1, $2, $3, $4, $5) returning *
"""
_PLAN = """
insert into routing.realignment_moves
    (realignment, nth, kind, subject, owner_kind, assignment_id, was, was_pool, to_rep,
     to_pool, why)
select $1, * from unnest($2::int[], $3::text[], $4::text[], $5::text[], $6::uuid[], $7::text[],
    $8::text[], $9::text[], $10::text[], $11::text[])
"""
_OPEN = """
select * from routing.realignment_moves where realignment = $1 and outcome is null
order by nth limit $2
"""
_DONE = """
select * from routing.realignment_moves
where realignment = $1 and outcome = 'done' and undone is null order by nth desc limit $2
"""
_NOTE = """
update routing.realignment_moves m set outcome = n.outcome, by_assignment = n.by_assignment
from unnest($2::int[], $3::text[], $4::uuid[]) as n (nth, outcome, by_assignment)
where m.realignment = $1 and m.nth = n.nth
"""
_NOTE_UNDONE = """
update routing.realignment_moves m set undone = n.undone
from unnest($2::int[], $3::text[]) as n (nth, undone)
where m.realignment = $1 and m.nth = n.nth
"""
_FINISH = "update routing.realignments set finished_at = $2 where id = $1"
_UNDONE = "update routing.realignments set undone_by = $2, undone_at = $3 where id = $1"
_BY_ID = "select * from routing.realignments where id = $1"
_LIST = """
select r.*, (select count(*) from routing.realignment_moves m where m.realignment = r.id) as moves,
       (select count(*) from routing.realignment_moves m
        where m.realignment = r.id and outcome = 'done') as done,
       (select count(*) from routing.realignment_moves m
        where m.realignment = r.id and outcome is null) as open,
       (select count(*) from routing.realignment_moves m
        where m.realignment = r.id and undone = 'done') as undone
from routing.realignments r order by id desc limit 100
"""
_OWNER = """
update routing.companies
set owners = owners || jsonb_build_object($2::text, $4::text), updated_at = now()
where company_id = $1 and owners->>$2 = $3 returning company_id
"""


@dataclass(frozen=True, slots=True)
class HeldRow:
    """A lead that somebody has, with its newest score."""

    assignment_id: UUID
    lead_id: UUID
    account_key: str
    role: RoleName
    status: AssignmentStatus
    rep: str
    pool: str | None
    worked_at: datetime | None
    scored: LeadScored
    activity: tuple[str, datetime] | None


@dataclass(frozen=True, slots=True)
class Planned:
    """One move of a realignment."""

    nth: int
    kind: str
    subject: str
    owner_kind: str | None
    assignment_id: UUID | None
    was: str
    was_pool: str | None
    to_rep: str
    to_pool: str
    by_assignment: UUID | None


async def held(connection: Connection, after: UUID, most: int) -> list[HeldRow]:
    """The leads that somebody has, a page in the order of their attempts."""
    return [
        HeldRow(
            row["assignment_id"], row["lead_id"], row["account_key"], RoleName(row["role"]),
            AssignmentStatus(row["status"]), row["rep_id"], row["pool"], row["worked_at"],
            LeadScored.read(row["scored"]),
            (row["last_activity"], row["last_activity_at"]) if row["last_activity"] else None,
        )
        for row in await connection.fetch(_HELD, after, most)
    ]  # fmt: skip


async def owned(connection: Connection, after: str, most: int) -> list[Company]:
    """The accounts that somebody owns, a page in the order of their ids."""
    ids = [row["company_id"] for row in await connection.fetch(_OWNED, after, most)]
    found = await companies.by_id(connection, ids)
    return [found[one] for one in ids]


async def begun(connection: Connection) -> dict[str, Any] | None:
    """The realignment in progress."""
    row = await connection.fetchrow(_BEGUN)
    return dict(row) if row is not None else None


async def begin(
    connection: Connection, version: str, by: str, reason: str, days: int, at: datetime
) -> dict[str, Any]:
    row = await connection.fetchrow(_BEGIN, version, by, reason, days, at)
    assert row is not None
    return dict(row)


async def plan(connection: Connection, realignment: int, moves: Sequence[Move]) -> None:
    """Write down what is to move."""
    rows = [
        (nth, one.kind, one.id, one.owner_kind, one.assignment_id, one.named or one.was,
         one.was_pool, one.to, one.to_pool, one.why.value)
        for nth, one in enumerate(moves)
    ]  # fmt: skip
    columns = [list(column) for column in zip(*rows, strict=True)] if rows else [[]] * 10
    await connection.execute(_PLAN, realignment, *columns)


async def open_moves(connection: Connection, realignment: int, most: int) -> list[Planned]:
    return [_planned(row) for row in await connection.fetch(_OPEN, realignment, most)]


async def done_moves(connection: Connection, realignment: int, most: int) -> list[Planned]:
    """What was moved and not moved back yet, the last first."""
    return [_planned(row) for row in await connection.fetch(_DONE, realignment, most)]


async def note(
    connection: Connection, realignment: int, outcomes: Sequence[tuple[int, str, UUID | None]]
) -> None:
    """What became of moves."""
    numbers, said, by = ([one[at] for one in outcomes] for at in range(3))
    await connection.execute(_NOTE, realignment, numbers, said, by)


async def note_undone(
    connection: Connection, realignment: int, outcomes: Sequence[tuple[int, str]]
) -> None:
    numbers, said = ([one[at] for one in outcomes] for at in range(2))
    await connection.execute(_NOTE_UNDONE, realignment, numbers, said)


async def finish(connection: Connection, realignment: int, at: datetime) -> None:
    await connection.execute(_FINISH, realignment, at)


async def undone(connection: Connection, realignment: int, by: str, at: datetime) -> None:
    await connection.execute(_UNDONE, realignment, by, at)


async def by_id(connection: Connection, realignment: int) -> dict[str, Any] | None:
    row = await connection.fetchrow(_BY_ID, realignment)
    return dict(row) if row is not None else None


async def every(connection: Connection) -> list[dict[str, Any]]:
    """The last hundred, the newest first."""
    return [dict(row) for row in await connection.fetch(_LIST)]


async def change_owner(connection: Connection, company: str, kind: str, was: str, to: str) -> bool:
    """Give an account to somebody else, while it is still this one's."""
    return await connection.fetchval(_OWNER, company, kind, was, to) is not None


def _planned(row: Any) -> Planned:
    return Planned(**{name: row[name] for name in Planned.__slots__})
