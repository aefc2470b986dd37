"""Activities: whom they are about, those about nobody, people's hours, how far was read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from schemas.activity import ActivityRecorded
from schemas.people import PersonChanged
from services.kernel.answering import Hours
from services.response.store.leads import address
from services.runtime.database import Connection

PATIENCE = timedelta(hours=24)
"""How long an activity waits for its lead."""

# A company alone names a person only where one person of it waits, or only one is known.
_ABOUT = """
select coalesce(
    (select l.lead_id from response.leads l where l.lead_id = e.lead_id limit 1),
    (select a.lead_id from response.attempts a where a.assignment_id = e.assignment_id),
    (select a.lead_id from response.addresses a where a.email = e.email),
    (select min(l.lead_id::text)::uuid from response.leads l
     where l.account_key = e.domain and l.phase in ('running', 'queued', 'asked', 'escalated')
     having count(distinct l.lead_id) = 1),
    (select min(l.lead_id::text)::uuid from response.leads l
     where l.account_key = e.domain having count(distinct l.lead_id) = 1)
) as lead_id
from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[])
     with ordinality as e(lead_id, assignment_id, email, domain, n)
order by n
"""
_KEEP = """
insert into response.unmatched (event_id, event, lead_id, assignment_id, email, domain, waits_until)
select event_id, event::jsonb, lead_id, assignment_id, email, domain, waits_until
from unnest($1::uuid[], $2::text[], $3::uuid[], $4::uuid[], $5::text[], $6::text[],
            $7::timestamptz[])
    as u(event_id, event, lead_id, assignment_id, email, domain, waits_until)
on conflict do nothing
"""
_WAITING = """
delete from response.unmatched u
where u.waits_until > $5
  and (u.lead_id = any($1) or u.assignment_id = any($2) or u.email = any($3)
       or u.domain = any($4))
returning u.event_id, u.event::text as event
"""
_ALL_WAITING = """
select u.event_id, u.event::text as event, u.at from response.unmatched u
where u.waits_until > $1 and (u.at, u.event_id) > ($2, $3) order by u.at, u.event_id limit $4
"""
_FOUND = "delete from response.unmatched where event_id = any($1)"
_REMEMBER = """
insert into response.told (event_id, lead_id, event, at)
select event_id, lead_id, event::jsonb, $4
from unnest($1::uuid[], $2::uuid[], $3::text[]) as t(event_id, lead_id, event)
on conflict do nothing
"""
_TOLD_OF = """
select t.lead_id, t.event::text as event from response.told t
where t.lead_id = any($1) and t.at > $2 order by t.at, t.event_id
"""
# Some at a time: a stage does not wait for a day's rows.
_FORGET = """
delete from response.told where event_id in
    (select event_id from response.told where at <= $1 order by at limit $2)
"""
_HEARD = """
insert into response.feed (occurred_at, heard_at) values ($1, $2)
on conflict (singleton) do update
set occurred_at = greatest(response.feed.occurred_at, excluded.occurred_at),
    heard_at = greatest(response.feed.heard_at, excluded.heard_at)
"""
_PERSON = """
insert into response.people (rep_id, calendar, time_zone, active, changed_at)
select * from unnest($1::text[], $2::text[], $3::text[], $4::bool[], $5::timestamptz[])
on conflict (rep_id) do update
set calendar = excluded.calendar, time_zone = excluded.time_zone, active = excluded.active,
    changed_at = excluded.changed_at
where response.people.changed_at <= excluded.changed_at
"""
_HOURS = "select rep_id, calendar, time_zone from response.people where rep_id = any($1)"
_READ = """
insert into response.progress (topic, partition, read_until)
select * from unnest($1::text[], $2::int[], $3::timestamptz[])
on conflict (topic, partition) do update
set read_until = greatest(response.progress.read_until, excluded.read_until)
"""


Told = tuple[UUID, ActivityRecorded]
"""An activity with the id of its event."""


async def about(connection: Connection, events: Sequence[ActivityRecorded]) -> list[UUID | None]:
    """The lead that each activity is about; None where nobody known fits."""
    rows = await connection.fetch(
        _ABOUT,
        [event.lead_id for event in events],
        [event.assignment_id for event in events],
        [address(event) for event in events],
        [event.domain for event in events],
    )
    return [row["lead_id"] for row in rows]


async def keep(connection: Connection, events: Sequence[Told], now: datetime) -> None:
    """Let activities about nobody known wait for their lead."""
    await connection.execute(
        _KEEP,
        [event_id for event_id, _ in events],
        [event.encode().decode() for _, event in events],
        [event.lead_id for _, event in events],
        [event.assignment_id for _, event in events],
        [address(event) for _, event in events],
        [event.domain for _, event in events],
        [now + PATIENCE for _ in events],
    )


async def take_waiting(
    connection: Connection,
    lead_ids: Iterable[UUID],
    assignment_ids: Iterable[UUID],
    emails: Iterable[str],
    domains: Iterable[str],
    now: datetime,
) -> list[Told]:
    """Activities that waited for these names; they wait no longer."""
    rows = await connection.fetch(
        _WAITING, list(lead_ids), list(assignment_ids), list(emails), list(domains), now
    )
    return [(row["event_id"], ActivityRecorded.read(row["event"])) for row in rows]


Place = tuple[datetime, UUID]
"""Of an activity among those that wait: since when, and its id."""
FIRST_PLACE: Place = datetime(1970, 1, 1, tzinfo=UTC), UUID(int=0)


async def all_waiting(
    connection: Connection, now: datetime, after: Place, limit: int
) -> tuple[list[Told], Place]:
    """The activities that wait, the oldest first; and the place of the last one.

    :returns: the first place where nothing follows.
    """
    rows = await connection.fetch(_ALL_WAITING, now, *after, limit)
    found = [(row["event_id"], ActivityRecorded.read(row["event"])) for row in rows]
    ends = len(rows) < limit
    return found, FIRST_PLACE if ends else (rows[-1]["at"], rows[-1]["event_id"])


async def found(connection: Connection, event_ids: Collection[UUID]) -> None:
    """These wait no longer."""
    await connection.execute(_FOUND, list(event_ids))


async def remember(
    connection: Connection, found: Sequence[tuple[UUID, Told]], now: datetime
) -> None:
    """Keep what was told of known leads: its assignment may still be unread."""
    await connection.execute(
        _REMEMBER,
        [event_id for _, (event_id, _) in found],
        [lead_id for lead_id, _ in found],
        [event.encode().decode() for _, (_, event) in found],
        now,
    )


async def told_of(
    connection: Connection, lead_ids: Collection[UUID], now: datetime
) -> Mapping[UUID, list[ActivityRecorded]]:
    """What was told of these leads within the last day, in the order of reading."""
    told: dict[UUID, list[ActivityRecorded]] = {}
    for row in await connection.fetch(_TOLD_OF, list(lead_ids), now - PATIENCE):
        told.setdefault(row["lead_id"], []).append(ActivityRecorded.read(row["event"]))
    return told


async def forget(connection: Connection, now: datetime, limit: int) -> None:
    """What was told longer ago waits for nothing any more."""
    await connection.execute(_FORGET, now - PATIENCE, limit)


async def heard(connection: Connection, occurred_at: datetime, now: datetime) -> None:
    """CRM or SDR tools said something."""
    await connection.execute(_HEARD, occurred_at, now)


async def feed(connection: Connection) -> datetime | None:
    """When the newest thing happened that CRM and SDR tools told of; None: they never spoke."""
    at: datetime | None = await connection.fetchval("select occurred_at from response.feed")
    return at


async def people(connection: Connection, events: Sequence[PersonChanged]) -> None:
    """Keep the newest hours of each person."""
    newest = {event.rep_id: event for event in sorted(events, key=lambda one: one.changed_at)}
    rows = list(newest.values())
    await connection.execute(
        _PERSON,
        [event.rep_id for event in rows],
        [event.calendar for event in rows],
        [event.time_zone for event in rows],
        [event.active for event in rows],
        [event.changed_at for event in rows],
    )


async def hours(connection: Connection, rep_ids: Collection[str]) -> Mapping[str, Hours]:
    """The hours of people, as far as people.v1 told them."""
    rows = await connection.fetch(_HOURS, list(rep_ids))
    return {row["rep_id"]: Hours(row["calendar"], row["time_zone"]) for row in rows}


async def read(connection: Connection, until: Mapping[tuple[str, int], datetime]) -> None:
    """Up to when every record of a partition was handled."""
    await connection.execute(
        _READ,
        [topic for topic, _ in until],
        [partition for _, partition in until],
        list(until.values()),
    )


async def database_time(connection: Connection) -> datetime:
    """Now, by the clock that all processes share."""
    now: datetime = await connection.fetchval("select clock_timestamp()")
    return now
