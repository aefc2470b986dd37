"""Who the reps are elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.people import PersonChanged
from services.runtime.database import Connection

_KEEP = """
insert into delivery.people as p (rep_id, external_ids, email, active, changed_at)
values ($1, $2, $3, $4, $5)
on conflict (rep_id) do update
set external_ids = excluded.external_ids, email = excluded.email, active = excluded.active,
    changed_at = excluded.changed_at
where p.changed_at <= excluded.changed_at
"""


async def keep(conn: Connection, people: Sequence[PersonChanged]) -> None:
    """Remember the newest of each; an older one changes nothing."""
    ordered = sorted(people, key=lambda one: (one.rep_id, one.changed_at))
    await conn.executemany(
        _KEEP,
        [(one.rep_id, one.external_ids, one.email, one.active, one.changed_at) for one in ordered],
    )


async def by_external_id(conn: Connection, system: str, id_: str) -> str | None:
    """The rep whom a system knows by an id; None where nobody, or more than one, is."""
    rows = await conn.fetch(
        "select rep_id from delivery.people where external_ids ->> $1 = $2 limit 2", system, id_
    )
    return str(rows[0]["rep_id"]) if len(rows) == 1 else None
