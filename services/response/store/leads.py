"""Leads with their clocks and story: locking, reading, writing. Callers hold a transaction.

Whoever changes a lead holds its rows. A handler also holds an advisory lock per lead, as the row
of a lead that comes for the first time cannot be locked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter

from schemas.activity import ActivityRecorded
from services.response.model import Change, Clock, Lead
from services.runtime.database import Connection

Key = tuple[UUID, str]

_LEADS = TypeAdapter(list[Lead])
_CLOCKS = TypeAdapter(list[Clock])
_FIELDS = tuple(Lead.__dataclass_fields__)

_LOCK = """
select pg_advisory_xact_lock(hashtextextended('response.lead' || id::text, 0))
from (select unnest($1::uuid[]) as id order by 1) ids
"""
_OF_LEADS = "select * from response.leads where lead_id = any($1) order by lead_id, role for update"
_SKIPPING = """
select l.* from response.leads l
where (l.lead_id, l.role) in (select * from unnest($1::uuid[], $2::text[]))
order by l.lead_id, l.role for update skip locked
"""
_RUNNING = """
select * from response.clocks c
where c.state = 'running'
  and (c.lead_id, c.role) in (select * from unnest($1::uuid[], $2::text[]))
"""
_SAVE = f"""
insert into response.leads ({", ".join(_FIELDS)})
select {", ".join(_FIELDS)} from jsonb_populate_recordset(null::response.leads, $1)
on conflict (lead_id, role) do update
set ({", ".join(_FIELDS)}) = ({", ".join(f"excluded.{name}" for name in _FIELDS)})
"""
_FIRED = """
update response.clocks set state = 'fired', ended_at = $2
where clock_id = any($1) and state = 'running'
"""
_STOPPED = """
update response.clocks c set state = 'stopped', ended_at = $4
from unnest($1::uuid[], $2::text[], $3::text[]) as s(lead_id, role, kind)
where c.state = 'running' and c.lead_id = s.lead_id and c.role = s.role and c.kind = s.kind
"""
# Where one of its kind runs already the earlier deadline stays.
_STARTED = """
insert into response.clocks
    (clock_id, lead_id, role, assignment_id, kind, started_at, due_at, try_at, config_version,
     state)
select clock_id, lead_id, role, assignment_id, kind, started_at, due_at, due_at, config_version,
       'running'
from jsonb_populate_recordset(null::response.clocks, $1)
on conflict (lead_id, role, kind) where state = 'running'
do update set due_at = least(response.clocks.due_at, excluded.due_at),
              try_at = least(response.clocks.try_at, excluded.try_at)
"""
_TOLD = """
insert into response.history (lead_id, role, at, what, text, assignment_id, rep_id)
select * from unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::text[], $5::text[],
                     $6::uuid[], $7::text[])
"""
_KNOWN_AS = """
with attempts as (
    insert into response.attempts (assignment_id, lead_id)
    select * from unnest($1::uuid[], $2::uuid[]) on conflict do nothing
)
insert into response.addresses (email, lead_id)
select distinct on (email) * from unnest($3::text[], $4::uuid[]) as a(email, lead_id)
on conflict (email) do update set lead_id = excluded.lead_id
where response.addresses.lead_id <> excluded.lead_id
"""


async def lock(connection: Connection, lead_ids: Collection[UUID]) -> dict[Key, Lead]:
    """Lock these leads until the commit, those that are not there yet too; all their roles."""
    ids = sorted(lead_ids)
    await connection.execute(_LOCK, ids)
    return _by_key(await connection.fetch(_OF_LEADS, ids))


async def lock_free(connection: Connection, keys: Collection[Key]) -> dict[Key, Lead]:
    """Lock those of these leads that nobody holds at this moment."""
    return _by_key(await connection.fetch(_SKIPPING, *_columns(keys)))


async def running(connection: Connection, keys: Collection[Key]) -> dict[Key, list[Clock]]:
    """The running clocks of locked leads."""
    found: dict[Key, list[Clock]] = {}
    rows = await connection.fetch(_RUNNING, *_columns(keys))
    for one in _CLOCKS.validate_python([_clock(row) for row in rows]):
        found.setdefault((one.lead_id, one.role.value), []).append(one)
    return found


async def save(
    connection: Connection,
    changes: Sequence[Change],
    now: datetime,
    fired: Sequence[UUID] = (),
) -> None:
    """Store what became of locked leads, one change for each.

    :param fired: the clocks that brought the changes about.
    """
    if fired:
        await connection.execute(_FIRED, fired, now)
    stops = [(*one.lead.key, kind.value) for one in changes for kind in one.stop]
    if stops:
        await connection.execute(_STOPPED, *map(list, zip(*stops, strict=True)), now)
    if changes:
        await connection.execute(_SAVE, [asdict(one.lead) for one in changes])
    starts = [asdict(clock) for one in changes for clock in one.start]
    if starts:
        await connection.execute(_STARTED, starts)
    story = [
        (*one.lead.key, line.at, line.what, line.text, line.assignment_id, line.rep_id)
        for one in changes
        for line in one.story
    ]
    if story:
        await connection.execute(_TOLD, *map(list, zip(*story, strict=True)))


async def known_as(
    connection: Connection,
    attempts: Mapping[UUID, UUID],
    emails: Mapping[str, UUID],
) -> None:
    """Remember by which other names leads go: assignment id to lead id, e-mail to lead id."""
    await connection.execute(
        _KNOWN_AS, list(attempts), list(attempts.values()), list(emails), list(emails.values())
    )


def address(event: ActivityRecorded) -> str | None:
    """The e-mail of an activity as it is kept."""
    return event.email.strip().casefold() if event.email else None


def _by_key(rows: Iterable[Any]) -> dict[Key, Lead]:
    leads = _LEADS.validate_python([{name: row[name] for name in _FIELDS} for row in rows])
    return {lead.key: lead for lead in leads}


def _clock(row: Any) -> dict[str, Any]:
    return {name: row[name] for name in Clock.__dataclass_fields__}


def _columns(keys: Collection[Key]) -> tuple[list[UUID], list[str]]:
    return [lead for lead, _ in keys], [role for _, role in keys]
