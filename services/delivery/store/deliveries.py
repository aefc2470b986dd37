"""What is to be delivered. A delivery is leased by an attempt: its number is the lease."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import asyncpg

from schemas.assignment import AssignmentChanged
from schemas.base import Lane, deterministic_id
from schemas.touch import TouchDue
from services.delivery.model import Delivery, State
from services.runtime.database import Connection

# A newer change makes what waits for the same lead due at once: it may not be needed any more.
_HURRY = """
update delivery.deliveries set due_at = least(due_at, clock_timestamp())
where state = 'waiting' and lead_id = any($1::uuid[])
"""
_ADD = """
insert into delivery.deliveries
    (delivery_id, sink, lead_id, role, assignment_id, sequence, lane_rank, event)
values ($1, $2, $3, $4, $5, $6, $7, $8)
on conflict (sink, assignment_id, sequence) do nothing
"""
# Of each lead only the first that waits may go: a message never overtakes the one before it. A
# lease need not survive the database, only its process: its commit does not wait for the disk.
_CLAIM = """
with quick as materialized (select set_config('synchronous_commit', 'off', true) as done)
update delivery.deliveries
set attempts = attempts + 1, claimed_until = clock_timestamp() + make_interval(secs => $3)
where (select done from quick) = 'off' and delivery_id in (
    select delivery_id from delivery.deliveries d
    where not exists (
          select 1 from delivery.sinks
          where sink = $1 and (paused_by is not null or disabled_reason is not null)
      )
      and sink = $1 and state = 'waiting' and due_at <= clock_timestamp()
      and (claimed_until is null or claimed_until < clock_timestamp())
      and not exists (
          select 1 from delivery.deliveries before
          where before.lead_id = d.lead_id and before.sink = d.sink and before.state = 'waiting'
            and (before.sequence < d.sequence
                 or before.touch is not null and d.touch is not null
                 and before.created_at < d.created_at)
      )
    order by lane_rank, due_at limit $2
    for update skip locked
)
returning delivery_id, sink, event, touch, attempts, created_at, farewell, place
"""
_END = """
update delivery.deliveries
set state = $3, reason = $4, ref = $5, done_at = clock_timestamp(), claimed_until = null
where delivery_id = $1 and attempts = $2 and state = 'waiting'
"""
_PUT_OFF = """
update delivery.deliveries
set due_at = clock_timestamp() + $3::interval, reason = $4, claimed_until = null
where delivery_id = $1 and attempts = $2 and state = 'waiting'
"""


def delivery_id(sink: str, event: AssignmentChanged) -> UUID:
    """Of one change for one sink; the same at every repeat."""
    return deterministic_id("delivery", sink, event.assignment_id, event.sequence)


async def add(
    conn: Connection, wanted: Sequence[tuple[AssignmentChanged, bytes, Collection[str]]]
) -> None:
    """Store what is to be delivered; what is there already stays as it is."""
    rows = [
        (
            delivery_id(sink, event),
            sink,
            event.lead_id,
            event.role.value,
            event.assignment_id,
            event.sequence,
            0 if event.lane is Lane.LIVE else 1,
            value,
        )
        for event, value, sinks in wanted
        for sink in sinks
    ]
    if not rows:
        return
    await conn.execute(_HURRY, sorted({row[2] for row in rows}))
    await conn.executemany(_ADD, rows)


_ADD_TOUCH = """
insert into delivery.deliveries
    (delivery_id, sink, lead_id, role, assignment_id, lane_rank, event, touch, ends)
values ($1, $2, $3, $4, $5, 0, $6, $7, $8)
on conflict (delivery_id) do nothing
"""


@dataclass(frozen=True, slots=True)
class DueTouch:
    """A touch that sinks are told of."""

    event_id: UUID
    touch: TouchDue
    value: bytes
    change: AssignmentChanged
    change_value: bytes
    sinks: tuple[str, ...]


async def add_touches(conn: Connection, due: Sequence[DueTouch]) -> None:
    """Store reminders; what is there already stays as it is."""
    rows = [
        (
            deterministic_id("delivery", sink, one.event_id),
            sink,
            one.touch.lead_id,
            one.change.role.value,
            one.touch.assignment_id,
            one.change_value,
            one.value,
            one.touch.ended is not None,
        )
        for one in due
        for sink in one.sinks
    ]
    ended = sorted({row[2] for row in rows if row[7]})
    if ended:
        await conn.execute(_HURRY, ended)
    await conn.executemany(_ADD_TOUCH, rows)


async def over(conn: Connection, it: Delivery) -> bool:
    """Whether the plan of a touch was ended after the touch was due."""
    found = await conn.fetchval(
        "select 1 from delivery.deliveries where lead_id = $1 and sink = $2 and ends"
        " and created_at > $3 limit 1",
        it.event.lead_id,
        it.sink,
        it.created_at,
    )
    return found is not None


async def claim(conn: Connection, sink: str, most: int, lease_s: float) -> list[Delivery]:
    """Lease what is due, live before bulk; nothing where somebody stopped the sink.

    A worker that dies leaves a lease that runs out.
    """
    rows = await conn.fetch(_CLAIM, sink, most, lease_s)
    return [_delivery(row) for row in rows]


async def end(
    conn: Connection, it: Delivery, state: State, reason: str | None, ref: str | None = None
) -> bool:
    """This attempt was the last; False where another worker has the lease by now."""
    done = await conn.execute(_END, it.delivery_id, it.attempt, state.value, reason, ref)
    return bool(done.endswith(" 1"))


async def put_off(conn: Connection, it: Delivery, wait: timedelta, reason: str) -> bool:
    """Due again later; False where it has ended, or another worker has the lease by now."""
    done = await conn.execute(_PUT_OFF, it.delivery_id, it.attempt, wait, reason)
    return bool(done.endswith(" 1"))


async def note(conn: Connection, it: Delivery, outcome: str, detail: str, seconds: float) -> None:
    """Write an attempt down."""
    await conn.execute(
        "insert into delivery.attempts (delivery_id, number, outcome, detail, seconds)"
        " values ($1, $2, $3, $4, $5) on conflict do nothing",
        it.delivery_id,
        it.attempt,
        outcome,
        detail[:500],
        seconds,
    )


async def renew(conn: Connection, leased: Collection[Delivery], lease_s: float) -> None:
    """These leases end later; what was ended, put off or taken over meanwhile stays as it is."""
    await conn.execute(
        "update delivery.deliveries d"
        " set claimed_until = clock_timestamp() + make_interval(secs => $3)"
        " from unnest($1::uuid[], $2::int[]) as l (id, number)"
        " where d.delivery_id = l.id and d.attempts = l.number and d.state = 'waiting'"
        " and d.claimed_until is not null",
        [one.delivery_id for one in leased],
        [one.attempt for one in leased],
        lease_s,
    )


async def give_back(conn: Connection, leased: Collection[Delivery]) -> None:
    """Leases of a worker that stops: the attempt was not made."""
    await conn.executemany(
        "update delivery.deliveries set claimed_until = null, attempts = attempts - 1"
        " where delivery_id = $1 and attempts = $2 and state = 'waiting'"
        " and claimed_until is not null",
        [(one.delivery_id, one.attempt) for one in leased],
    )


async def defer(conn: Connection, it: Delivery, seconds: float) -> None:
    """Its turn comes later; the attempt was not made."""
    await conn.execute(
        "update delivery.deliveries set claimed_until = null, attempts = attempts - 1,"
        " due_at = clock_timestamp() + make_interval(secs => $3)"
        " where delivery_id = $1 and attempts = $2 and state = 'waiting'",
        it.delivery_id,
        it.attempt,
        seconds,
    )


async def next_due(conn: Connection, sink: str) -> float | None:
    """Seconds until something of a sink may be tried; None where nothing waits."""
    found = await conn.fetchval(
        "select extract(epoch from min(greatest(due_at, coalesce(claimed_until, due_at)))"
        " - clock_timestamp())::float8 from delivery.deliveries"
        " where sink = $1 and state = 'waiting'",
        sink,
    )
    return None if found is None else float(found)


async def waiting(conn: Connection) -> Mapping[str, tuple[int, float]]:
    """By sink how many wait and how old the oldest is, in seconds."""
    rows = await conn.fetch(
        "select sink, count(*) as count,"
        " extract(epoch from clock_timestamp() - min(created_at))::float8 as age"
        " from delivery.deliveries where state = 'waiting' group by sink"
    )
    return {row["sink"]: (row["count"], row["age"]) for row in rows}


def _delivery(row: asyncpg.Record) -> Delivery:
    event = AssignmentChanged.read(row["event"])
    touch = None if row["touch"] is None else TouchDue.read(row["touch"])
    return Delivery(
        row["delivery_id"],
        row["sink"],
        event,
        row["attempts"],
        row["created_at"],
        touch,
        row["farewell"],
        row["place"],
    )
