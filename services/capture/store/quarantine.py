"""Submissions that were set aside, with their bytes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from schemas.submission import Disposition, SubmissionQuarantined, SubmissionReceived
from services.runtime.database import Connection

UNVERIFIED_DAYS = 7
UNVERIFIED_ROWS = 200
"""Of one source name; an attacker cannot fill the disk, only push out his own older bytes."""
UNVERIFIED_TOTAL = 2_000
"""Of all names together."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One quarantined submission."""

    quarantine_id: UUID
    reason: str
    disposition: Disposition
    detail: str
    submission: SubmissionReceived
    created_at: datetime
    released_at: datetime | None


_KEEP = """
insert into capture.quarantine
    (quarantine_id, submission_id, source, disposition, reason, detail, submission, received_at,
     expires_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, now() + $9)
on conflict do nothing
"""


async def keep(conn: Connection, rows: Sequence[SubmissionQuarantined]) -> None:
    """Store what was set aside."""
    if not rows:  # nearly always: a round trip for nothing
        return
    await conn.executemany(
        _KEEP,
        [
            (
                row.quarantine_id,
                row.submission_id,
                row.source,
                row.disposition.value,
                row.reason,
                row.detail,
                row.submission.encode(),
                row.submission.received_at,
                None if row.submission_id else timedelta(days=UNVERIFIED_DAYS),
            )
            for row in rows
        ],
    )


_ROOM = """
with gone as (
    delete from capture.quarantine where submission_id is null and expires_at <= now()
)
select count(*) filter (where source = $1), count(*) from capture.quarantine
where submission_id is null and expires_at > now()
"""


async def room_for_unverified(conn: Connection, source: str) -> bool:
    """Whether one more unverified request of this name may be kept; forgets the expired ones."""
    row = await conn.fetchrow(_ROOM, source)
    assert row is not None
    of_source, of_all = row
    return bool(of_source < UNVERIFIED_ROWS and of_all < UNVERIFIED_TOTAL)


_COLUMNS = "quarantine_id, reason, disposition, detail, submission, created_at, released_at"


async def get(conn: Connection, quarantine_id: UUID, *, lock: bool = False) -> Kept | None:
    """One quarantined submission; None where there is none of this id."""
    row = await conn.fetchrow(
        f"select {_COLUMNS} from capture.quarantine where quarantine_id = $1"
        + (" for update" if lock else ""),
        quarantine_id,
    )
    return None if row is None else _kept(row)


async def latest(
    conn: Connection,
    *,
    limit: int = 50,
    source: str | None = None,
    reason: str | None = None,
    released: bool = False,
) -> list[Kept]:
    """The newest first; those already released only where asked for."""
    rows = await conn.fetch(
        f"select {_COLUMNS} from capture.quarantine"
        " where ($1::text is null or source = $1) and ($2::text is null or reason = $2)"
        " and ($3 or released_at is null) order by created_at desc limit $4",
        source,
        reason,
        released,
        limit,
    )
    return [_kept(row) for row in rows]


async def mark_released(conn: Connection, quarantine_id: UUID, by: str) -> None:
    """Remember who released it."""
    await conn.execute(
        "update capture.quarantine set released_at = now(), released_by = $2"
        " where quarantine_id = $1",
        quarantine_id,
        by,
    )


async def released(conn: Connection, ids: Collection[UUID]) -> dict[UUID, str]:
    """Of the given ids those that a person released, with the reason that they had."""
    if not ids:
        return {}
    rows = await conn.fetch(
        "select quarantine_id, reason from capture.quarantine"
        " where quarantine_id = any($1::uuid[]) and released_at is not null",
        list(ids),
    )
    return {row[0]: row[1] for row in rows}


def _kept(row: asyncpg.Record) -> Kept:
    return Kept(
        row[0],
        row[1],
        Disposition(row[2]),
        row[3],
        SubmissionReceived.read(row[4]),
        row[5],
        row[6],
    )
