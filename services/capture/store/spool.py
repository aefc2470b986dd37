"""The spool: submissions that were accepted into Postgres."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg

from schemas.base import Lane
from services.runtime.database import Connection
from services.runtime.records import Output

ENDLESS = -1
"""The slot of what has no end: activities and signals."""


@dataclass(frozen=True, slots=True)
class Spooled:
    """An input to be stored."""

    submission_id: UUID
    lane: Lane
    output: Output
    slot: int
    """The partition that it will go to, where the broker's room is bounded; else ``ENDLESS``."""

    @property
    def size(self) -> int:
        return self.output.size


@dataclass(frozen=True, slots=True)
class Waiting:
    """A stored submission that is due."""

    id: int
    output: Output


# In one order, so that two requests with the same items wait and never in a circle.
_PUT = """
insert into capture.spool
    (submission_id, lane, topic, key, value, headers, slot, size, due_at)
select id, lane, topic, key, value, headers::jsonb, slot, size, now() + $9
from unnest($1::uuid[], $2::text[], $3::text[], $4::bytea[], $5::bytea[], $6::text[], $7::int[],
            $8::int[]) as n(id, lane, topic, key, value, headers, slot, size)
order by id
on conflict (submission_id) do nothing
returning submission_id
"""


async def put_all(pool: asyncpg.Pool, rows: Sequence[Spooled], due_in: timedelta) -> list[bool]:
    """Store submissions durably, all or none; of each whether it was not there already.

    :param due_in: when the relay may take it. Not at once where the caller publishes it itself.
    """
    outs = [row.output for row in rows]
    found = await pool.fetch(
        _PUT,
        [row.submission_id for row in rows],
        [row.lane.value for row in rows],
        [out.topic for out in outs],
        [out.key for out in outs],
        [out.value for out in outs],
        [_headers(out) for out in outs],
        [row.slot for row in rows],
        [row.size for row in rows],
        due_in,
    )
    stored = {row["submission_id"] for row in found}
    return [row.submission_id in stored for row in rows]


def _headers(out: Output) -> str:
    return json.dumps([[name, value.decode()] for name, value in out.headers])


_DUE = """
select id, topic, key, value, headers from capture.spool
where ended_at is null and lane = $1 and due_at <= now()
order by id limit $2 for update skip locked
"""


async def due(conn: Connection, lane: Lane, limit: int) -> list[Waiting]:
    """Lock what is due, the oldest first; another process's rows are passed over."""
    return [Waiting(row["id"], _output(row)) for row in await conn.fetch(_DUE, lane.value, limit)]


async def delete(conn: Connection, ids: Sequence[int]) -> None:
    """Forget what the broker acknowledged."""
    await conn.execute("delete from capture.spool where id = any($1::bigint[])", list(ids))


_POSTPONE = """
update capture.spool
set attempts = attempts + 1, due_at = case
    when slot < 0 then 'infinity' else now() + $2::interval * power(2, least(attempts, 4)) end
where id = any($1::bigint[])
"""


async def postpone(conn: Connection, ids: Sequence[int], base: timedelta) -> None:
    """It was published; due again after ``base``, doubled each time up to sixteen-fold.

    What has no end is due again only when the broker has started anew.
    """
    await conn.execute(_POSTPONE, list(ids), base)


_FORGET = """
delete from capture.spool where slot < 0 and due_at = 'infinity' and (
    stored_at < now() - $1::interval
    or id <= (select id from capture.spool where slot < 0 order by id desc offset $2 limit 1))
"""


async def forget_endless(pool: asyncpg.Pool, keep: timedelta, most: int) -> None:
    """Delete what was published and has no end: the older than ``keep``, and more than ``most``."""
    await pool.execute(_FORGET, keep, most)


async def due_now(pool: asyncpg.Pool) -> None:
    """Everything without an end is due: the broker has forgotten it."""
    await pool.execute("update capture.spool set due_at = now() where ended_at is null")


_END = """
update capture.spool set ended_at = now(), value = '', headers = '[]'
where submission_id = any($1::uuid[]) and ended_at is null
returning lane, slot, size
"""


async def end(pool: asyncpg.Pool, submissions: Iterable[UUID]) -> list[tuple[Lane, int, int]]:
    """Mark submissions whose end was seen; returns lane, slot and size of those that were open."""
    rows = await pool.fetch(_END, list(submissions))
    return [(Lane(lane), slot, size) for lane, slot, size in rows]


async def open_by_slot(pool: asyncpg.Pool) -> list[tuple[Lane, int, int, int]]:
    """Lane, slot, rows and bytes of what has no end yet."""
    rows = await pool.fetch(
        "select lane, slot, count(*), sum(size) from capture.spool"
        " where ended_at is null and slot >= 0 group by lane, slot"
    )
    return [(Lane(lane), slot, count, int(size)) for lane, slot, count, size in rows]


async def count_open(pool: asyncpg.Pool) -> tuple[int, bool]:
    """Rows that are not through yet, and whether any of them is due."""
    row = await pool.fetchrow(
        "select count(*), coalesce(bool_or(due_at <= now()), false) from capture.spool"
        " where ended_at is null and due_at < 'infinity'"
    )
    assert row is not None
    return int(row[0]), bool(row[1])


def _output(row: Any) -> Output:
    headers = tuple((name, value.encode()) for name, value in row["headers"])
    return Output(row["topic"], row["key"], row["value"], headers)
