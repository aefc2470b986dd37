"""Who has which lead now, as far as assignments.v1 was read."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from schemas.assignment import ACTIVE, AssignmentChanged, AssignmentStatus
from services.runtime.database import Connection
from services.scoring.telling import Owner

_HAS_IT = ACTIVE | {AssignmentStatus.RE_ENGAGED}

_KEEP = """
insert into scoring.owners as o
    (lead_id, role, account_key, assignment_id, sequence, rep_id, at)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (lead_id, role) do update
set account_key = excluded.account_key, assignment_id = excluded.assignment_id,
    sequence = excluded.sequence, rep_id = excluded.rep_id, at = excluded.at
where o.sequence < excluded.sequence
"""

_OF_ACCOUNTS = """
select lead_id, account_key, assignment_id, rep_id, at as since from scoring.owners
where account_key = any($1::text[]) and rep_id is not null
"""


async def keep(conn: Connection, changes: Iterable[AssignmentChanged]) -> None:
    """Remember the newest of each lead and role; an older one changes nothing."""
    ordered = sorted(changes, key=lambda one: (one.lead_id, one.role, one.sequence))
    await conn.executemany(_KEEP, [_row(event) for event in ordered])


async def of_accounts(conn: Connection, accounts: Collection[str]) -> dict[str, list[Owner]]:
    """Who has leads of these accounts."""
    found: dict[str, list[Owner]] = {}
    for row in await conn.fetch(_OF_ACCOUNTS, sorted(accounts)):
        found.setdefault(row["account_key"], []).append(Owner(**dict(row)))
    return found


def _row(event: AssignmentChanged) -> tuple[object, ...]:
    has_it = event.rep is not None and event.status in _HAS_IT
    return (
        event.lead_id,
        event.role.value,
        event.account_key,
        event.assignment_id,
        event.sequence,
        event.rep.id if event.rep and has_it else None,
        event.decided_at,
    )
