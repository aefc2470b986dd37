"""Since when repeats are known: what was decided before may have been forgotten by ``prune``.

``handraise prune`` says so in ``handraise.repeats_known`` before it deletes the first row of an
inbox. Whoever claims an input reads that in the claiming transaction, after its claim: an input
whose row is gone is thereby always seen to be too old, however the two run beside each other.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from schemas.topics import BY_NAME, LONGEST_RETENTION
from services.runtime.database import Connection
from services.runtime.records import Record
from services.runtime.stage.dead_letter import TOO_OLD
from services.runtime.stage.spec import BadRecords

MARGIN: Final = timedelta(days=1)
"""Rows stay so much longer than records as old as they are believed: the clock of a producer stamps
the record, that of the database the row."""
SHORTEST: Final = LONGEST_RETENTION + MARGIN
"""Repeats must be known longer than any topic holds them."""

_SINCE = "select since from handraise.repeats_known where room = $1"
_ADVANCE = """
insert into handraise.repeats_known as k (room, since) values ($1, now() - $2::interval)
on conflict (room) do update set since = greatest(k.since, excluded.since)
returning since
"""


async def known_since(connection: Connection, room: str) -> datetime | None:
    """Since when the repeats of a room (its schema) are known; None: for ever."""
    since: datetime | None = await connection.fetchval(_SINCE, room)
    return since


async def forget_before(connection: Connection, room: str, keep: timedelta) -> datetime:
    """From now on repeats are known for ``keep`` only; returns since when. It never goes back.

    Rows that are :data:`MARGIN` older may be deleted once this is committed.

    :raises ValueError: ``keep`` is shorter than :data:`SHORTEST`.
    """
    if keep < SHORTEST:
        raise ValueError(f"repeats must be known for {SHORTEST.days} days and more")
    since: datetime = await connection.fetchval(_ADVANCE, room, keep)
    return since


async def refuse_forgotten(
    connection: Connection, room: str, records: Sequence[Record[Any]]
) -> None:
    """Refuse those of freshly claimed records that are older than repeats are known.

    Costs nothing for what is younger than any topic keeps a record, whatever the table says: a
    clock of the database that jumps sets no live lead aside. Compacted topics are for ever and are
    no decisions, but the state of something; their handlers keep the newest.

    :raises BadRecords: reason ``too_old``.
    """
    aged = old(records)
    if not aged:
        return
    since = await known_since(connection, room)
    if since is None:
        return
    detail = f"repeats are known since {since.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    ends = since.timestamp() * 1000
    if gone := {record: (TOO_OLD, detail) for record, written in aged.items() if written < ends}:
        raise BadRecords(gone)


def old(records: Sequence[Record[Any]]) -> dict[UUID, int]:
    """Those that are older than any topic keeps a record, with when they were written (ms)."""
    limit = (time.time() - LONGEST_RETENTION.total_seconds()) * 1000
    return {
        record.id: record.written_ms
        for record in records
        if record.written_ms is not None and record.written_ms < limit and not _stays(record.topic)
    }


def _stays(topic: str) -> bool:
    spec = BY_NAME.get(topic)
    return spec is not None and spec.compacted
