"""What a CRM said, and how far it was read."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from schemas.assignment import AssignmentChanged
from services.delivery.crm.model import Owner, Stream
from services.runtime.database import Connection


@dataclass(frozen=True, slots=True)
class Position:
    """How far a stream was read."""

    read_until: datetime | None = None
    """Everything that changed before is known; None before the first load is through."""
    page: str | None = None
    """Where the reading that is under way goes on."""
    loading_since: datetime | None = None
    """When it began; what changes from then on is the next one's."""


async def position(conn: Connection, sink: str, stream: Stream) -> Position:
    """Where a stream stands; at its beginning where it never ran."""
    row = await conn.fetchrow(
        "select read_until, page, loading_since from delivery.crm_streams"
        " where sink = $1 and stream = $2",
        sink,
        stream.value,
    )
    return Position() if row is None else Position(*row)


_MOVE = """
insert into delivery.crm_streams as s
    (sink, stream, read_until, page, loading_since, ran_at, fault, ended_at)
values ($1, $2, $3, $4, $5, clock_timestamp(), $6, case when $7 then clock_timestamp() end)
on conflict (sink, stream) do update
set read_until = excluded.read_until, page = excluded.page,
    loading_since = excluded.loading_since, ran_at = excluded.ran_at, fault = excluded.fault,
    ended_at = coalesce(excluded.ended_at, s.ended_at)
"""


async def move(
    conn: Connection, sink: str, stream: Stream, to: Position, fault: str | None = None
) -> None:
    """The stream stands there now.

    :param fault: why it stopped there, where it is not at its end.
    """
    ended = fault is None and to.page is None
    await conn.execute(
        _MOVE, sink, stream.value, to.read_until, to.page, to.loading_since, fault, ended
    )


async def ages(conn: Connection) -> dict[tuple[str, str], float]:
    """Seconds since each stream was last read to its end, or first tried where it never was."""
    rows = await conn.fetch(
        "select sink, stream, extract(epoch from clock_timestamp()"
        " - coalesce(ended_at, known_at))::float8 as age from delivery.crm_streams"
    )
    return {(row["sink"], row["stream"]): row["age"] for row in rows}


async def owners_read(conn: Connection, sink: str) -> bool:
    """Whether the owners of a CRM were ever read to their end."""
    return bool(
        await conn.fetchval(
            "select exists(select from delivery.crm_streams"
            " where sink = $1 and stream = $2 and ended_at is not null)",
            sink,
            Stream.OWNERS.value,
        )
    )


async def locked(conn: Connection, sink: str) -> bool:
    """Whether this connection is the one that reads a CRM now; until it is released."""
    return bool(
        await conn.fetchval(
            "select pg_try_advisory_lock(hashtextextended('delivery.crm.' || $1, 0))", sink
        )
    )


async def unlock(conn: Connection, sink: str) -> None:
    await conn.execute(
        "select pg_advisory_unlock(hashtextextended('delivery.crm.' || $1, 0))", sink
    )


# -- owners -----------------------------------------------------------------------------------
_KEEP_OWNER = """
insert into delivery.crm_owners (system, owner_id, user_id, email, name, active)
values ($1, $2, $3, $4, $5, $6)
on conflict (system, owner_id) do update
set user_id = excluded.user_id, email = excluded.email, name = excluded.name,
    active = excluded.active, seen_at = clock_timestamp()
"""


async def keep_owners(conn: Connection, system: str, owners: Sequence[Owner]) -> None:
    """Remember whom a CRM can make an owner."""
    rows = [
        (system, one.owner_id, one.user_id, one.email, one.name, one.active)
        for one in sorted(owners, key=lambda one: one.owner_id)
    ]
    await conn.executemany(_KEEP_OWNER, rows)


async def owners(conn: Connection, system: str, ids: Collection[str]) -> dict[str, Owner]:
    """Owners by id, and by the id of their user; the unknown are left out."""
    rows = await conn.fetch(
        "select owner_id, name, email, active, user_id from delivery.crm_owners"
        " where system = $1 and (owner_id = any($2::text[]) or user_id = any($2::text[]))",
        system,
        list(ids),
    )
    found = [Owner(*row) for row in rows]
    by_user = {one.user_id: one for one in found if one.user_id}
    return {**by_user, **{one.owner_id: one for one in found}}


async def owner_ids(conn: Connection, system: str, emails: Collection[str]) -> dict[str, str]:
    """E-mail in small letters to the id of the one active owner who has it."""
    rows = await conn.fetch(
        "select lower(email) as email, min(owner_id) as owner_id from delivery.crm_owners"
        " where system = $1 and active and lower(email) = any($2::text[])"
        " group by 1 having count(*) = 1",
        system,
        [email.lower() for email in emails],
    )
    return {row["email"]: row["owner_id"] for row in rows}


# -- records ----------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Standing:
    """A record that we wrote: whose lead it is, and which owners there are ours."""

    record: str
    event: AssignmentChanged
    """The lead's latest."""
    active: bool
    written: str | None
    on_their_way: tuple[AssignmentChanged, ...]
    """What is being written, or may have been."""


_UNHEARD = """
d.attempts > 0 and d.state <> 'delivered' and d.sequence > coalesce((
    select max(last.sequence) from delivery.deliveries last
    where last.sink = d.sink and last.lead_id = d.lead_id and last.state = 'delivered'), 0)
"""
_STANDING = f"""
select m.record, m.place, c.event, c.active,
       (select array_agg(d.event) from delivery.deliveries d
        where d.sink = m.sink and d.lead_id = m.subject and {_UNHEARD}) as on_their_way
from delivery.messages m
join lateral (
    select event, active from delivery.current c
    where c.lead_id = m.subject and c.event is not null
    order by active desc, changed_at desc limit 1
) c on true
where m.sink = $1 and m.record = any($2::text[])
"""


async def attempted(conn: Connection, sink: str, lead_id: UUID) -> list[AssignmentChanged]:
    """What was tried since the last that arrived: a worker may have died after writing."""
    rows = await conn.fetch(
        "select d.event from delivery.deliveries d"
        f" where d.sink = $1 and d.lead_id = $2 and {_UNHEARD}",
        sink,
        lead_id,
    )
    return [AssignmentChanged.read(row["event"]) for row in rows]


async def standings(conn: Connection, sink: str, records: Collection[str]) -> list[Standing]:
    """What is known of records; those that we never wrote are left out."""
    rows = await conn.fetch(_STANDING, sink, list(records))
    return [
        Standing(
            row["record"],
            AssignmentChanged.read(row["event"]),
            row["active"],
            row["place"],
            tuple(AssignmentChanged.read(one) for one in row["on_their_way"] or ()),
        )
        for row in rows
    ]


_NOTE = """
insert into delivery.crm_changes as c
    (sink, record, owner_id, lead_id, assignment_id, actor, changed_at, outcome)
values ($1, $2, $3, $4, $5, $6, $7, $8)
on conflict (sink, record, owner_id, assignment_id) do update
set outcome = excluded.outcome, actor = coalesce(excluded.actor, c.actor),
    seen_at = clock_timestamp()
where c.outcome <> excluded.outcome and c.outcome <> 'asked'
returning 1
"""


async def note(
    conn: Connection,
    sink: str,
    record: str,
    owner_id: str,
    of: tuple[UUID, UUID],
    actor: str | None,
    changed_at: datetime,
    outcome: str,
) -> bool:
    """Write down what a person changed and what came of it; False where that is no news.

    :param of: lead and attempt.
    """
    found = await conn.fetchval(
        _NOTE, sink, record, owner_id, of[0], of[1], actor, changed_at, outcome
    )
    return found is not None


async def unfollowed(conn: Connection, sink: str, most: int) -> list[tuple[str, str, datetime]]:
    """Record, owner and time of what could not be followed in the last week, oldest first."""
    rows = await conn.fetch(
        "select record, owner_id, max(changed_at) from delivery.crm_changes"
        " where sink = $1 and outcome <> 'asked'"
        " and seen_at > clock_timestamp() - interval '7 days'"
        " group by 1, 2 order by 3 limit $2",
        sink,
        most,
    )
    return [(row[0], row[1], row[2]) for row in rows]


# -- for a person -----------------------------------------------------------------------------
async def status(conn: Connection) -> list[dict[str, Any]]:
    """How far each stream was read, and why it stopped."""
    rows = await conn.fetch(
        "select sink, stream, read_until, page is not null as under_way, ran_at, fault"
        " from delivery.crm_streams order by sink, stream"
    )
    return [dict(row) for row in rows]


async def changes(conn: Connection, limit: int) -> list[dict[str, Any]]:
    """What people changed, the latest first."""
    rows = await conn.fetch(
        "select c.sink, c.record, c.lead_id, coalesce(o.name, c.owner_id) as owner, c.actor,"
        " c.changed_at, c.outcome from delivery.crm_changes c"
        " left join lateral (select name from delivery.crm_owners o"
        "   where o.owner_id = c.owner_id limit 1) o on true"
        " order by c.seen_at desc limit $1",
        limit,
    )
    return [dict(row) for row in rows]
