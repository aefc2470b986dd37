"""Who the reps are elsewhere."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from pydantic_core import from_json

from schemas.assignment import Rep
from schemas.people import PersonChanged
from services.kernel.answering import Hours
from services.runtime.database import Connection

_KEEP = """
insert into delivery.people as p
    (rep_id, external_ids, email, active, changed_at, name, manager, calendar, time_zone)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict (rep_id) do update
set external_ids = excluded.external_ids, email = excluded.email, active = excluded.active,
    changed_at = excluded.changed_at, name = excluded.name, manager = excluded.manager,
    calendar = excluded.calendar, time_zone = excluded.time_zone
where p.changed_at <= excluded.changed_at
"""

_MANAGERS = """
select p.rep_id as of, m.rep_id, m.name, m.email, m.external_ids::text as external_ids
from delivery.people p join delivery.people m on m.rep_id = p.manager
where p.rep_id = any($1::text[]) and m.name is not null and m.email is not null
"""


async def keep(conn: Connection, people: Sequence[PersonChanged]) -> None:
    """Remember the newest of each; an older one changes nothing."""
    ordered = sorted(people, key=lambda one: (one.rep_id, one.changed_at))
    await conn.executemany(
        _KEEP,
        [
            (
                one.rep_id,
                one.external_ids,
                one.email,
                one.active,
                one.changed_at,
                one.name,
                one.manager,
                one.calendar,
                one.time_zone,
            )
            for one in ordered
        ],
    )


async def hours(conn: Connection, rep_id: str) -> Hours | None:
    """When a rep works, as people.v1 told it last; None where it never did."""
    row = await conn.fetchrow(
        "select calendar, time_zone from delivery.people"
        " where rep_id = $1 and calendar is not null and time_zone is not null",
        rep_id,
    )
    return None if row is None else Hours(row["calendar"], row["time_zone"])


async def managers(conn: Connection, reps: Collection[str]) -> dict[str, Rep]:
    """By rep the manager, as far as they have one who is known."""
    return {
        row["of"]: Rep(
            id=row["rep_id"],
            name=row["name"],
            email=row["email"],
            external_ids=from_json(row["external_ids"]),
        )
        for row in await conn.fetch(_MANAGERS, sorted(reps))
    }


@dataclass(frozen=True, slots=True)
class Known:
    """A rep."""

    rep_id: str
    active: bool


_OF_OWNER = """
select rep_id, active from delivery.people where external_ids ->> $1 = $2
union
select p.rep_id, p.active from delivery.people p
join delivery.crm_owners o on lower(o.email) = lower(p.email)
where o.system = $1 and o.owner_id = $2 and not p.external_ids ? $1
limit 2
"""


async def of_owner(conn: Connection, system: str, owner_id: str) -> Known | None:
    """The rep who is an owner elsewhere, by the id in ``teams.yaml``, else by the address.

    None where nobody, or more than one, is.
    """
    rows = await conn.fetch(_OF_OWNER, system, owner_id)
    return Known(**rows[0]) if len(rows) == 1 else None


async def in_slack(conn: Connection, rep_id: str) -> tuple[str, str] | None:
    """A rep's Slack id and name; None where they have none that is known."""
    row = await conn.fetchrow(
        "select external_ids ->> 'slack', coalesce(name, rep_id) from delivery.people"
        " where rep_id = $1 and external_ids ? 'slack'",
        rep_id,
    )
    return None if row is None else (row[0], row[1])
