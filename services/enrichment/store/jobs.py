"""Leads that wait for providers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from schemas.base import Lane
from schemas.lead import LeadCaptured
from services.enrichment.settle import Job
from services.runtime.database import Connection

_ADD_JOBS = """
insert into enrichment.jobs
    (input_id, lead_id, lane, captured, traceparent, deadline, published)
select input_id, lead_id, lane, captured, traceparent,
       clock_timestamp() + make_interval(secs => seconds), published
from unnest($1::uuid[], $2::uuid[], $3::text[], $4::bytea[], $5::text[], $6::float8[], $7::bool[])
    as j(input_id, lead_id, lane, captured, traceparent, seconds, published)
on conflict do nothing
"""

_CLAIM = """
update enrichment.jobs j
set claimed_until = clock_timestamp() + make_interval(secs => $3), attempts = attempts + 1
where input_id in (
    select input_id from enrichment.jobs
    where lane = $1 and (claimed_until is null or claimed_until < clock_timestamp())
    order by deadline limit $2
    for update skip locked
)
returning input_id, lead_id, captured, traceparent, attempts
"""

_DUE = """
select input_id, lead_id from enrichment.jobs
where not published and lane = $1 and deadline <= clock_timestamp()
order by deadline limit $2
"""

_NEXT_DEADLINE = """
select extract(epoch from min(deadline) - clock_timestamp())::float8
from enrichment.jobs where not published and lane = $1
"""

_OPEN = """
select input_id, lead_id, captured, traceparent, published from enrichment.jobs
where input_id = any($1::uuid[]) order by input_id for update
"""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A job that this worker leased."""

    job: Job
    attempts: int
    """This one included."""


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to store."""

    job: Job
    captured: bytes
    seconds: float
    """Until its deadline, by the database's clock."""
    published: bool = False
    """The lead did not wait: what is asked can only correct it."""


async def add_jobs(conn: Connection, jobs: Sequence[NewJob], lane: Lane) -> None:
    """Store what has to wait; a job that is there already stays as it is."""
    await conn.execute(
        _ADD_JOBS,
        [new.job.input_id for new in jobs],
        [new.job.lead_id for new in jobs],
        [lane.value] * len(jobs),
        [new.captured for new in jobs],
        [new.job.traceparent for new in jobs],
        [new.seconds for new in jobs],
        [new.published for new in jobs],
    )


async def claim(conn: Connection, lane: Lane, most: int, lease: float) -> list[Claimed]:
    """Lease up to ``most`` jobs for ``lease`` seconds, the nearest deadline first."""
    rows = await conn.fetch(_CLAIM, lane.value, most, lease)
    return [Claimed(_job(row), row["attempts"]) for row in rows]


async def due(conn: Connection, lane: Lane, most: int) -> list[UUID]:
    """Input ids of unpublished jobs whose deadline is over."""
    return [row["input_id"] for row in await conn.fetch(_DUE, lane.value, most)]


async def next_deadline(conn: Connection, lane: Lane) -> float | None:
    """Seconds until the next deadline (negative when over); None when nothing waits."""
    seconds = await conn.fetchval(_NEXT_DEADLINE, lane.value)
    return None if seconds is None else float(seconds)


async def leads_of(conn: Connection, input_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Lead id to account key of open jobs. Locks nothing: leads are locked before jobs."""
    rows = await conn.fetch(
        "select lead_id, account_key from enrichment.jobs join enrichment.leads using (lead_id)"
        " where input_id = any($1::uuid[])",
        list(input_ids),
    )
    return {row["lead_id"]: row["account_key"] for row in rows}


async def open_jobs(conn: Connection, input_ids: Sequence[UUID]) -> list[tuple[Job, bool]]:
    """Lock jobs that still exist; each with whether its submission's revision is out."""
    rows = await conn.fetch(_OPEN, list(input_ids))
    return [(_job(row), row["published"]) for row in rows]


async def mark_published(conn: Connection, input_ids: Sequence[UUID]) -> None:
    await conn.execute(
        "update enrichment.jobs set published = true where input_id = any($1::uuid[])",
        list(input_ids),
    )


async def remove(conn: Connection, input_ids: Sequence[UUID]) -> None:
    await conn.execute(
        "delete from enrichment.jobs where input_id = any($1::uuid[])", list(input_ids)
    )


async def give_back(conn: Connection, input_ids: Sequence[UUID]) -> None:
    """End leases early, so that another worker need not wait for them to run out."""
    await conn.execute(
        "update enrichment.jobs set claimed_until = null, attempts = attempts - 1"
        " where input_id = any($1::uuid[])",
        list(input_ids),
    )


async def postpone(conn: Connection, input_id: UUID, seconds: float) -> None:
    """Try a job that cannot be published again later."""
    await conn.execute(
        "update enrichment.jobs set deadline = clock_timestamp() + make_interval(secs => $2)"
        " where input_id = $1",
        input_id,
        seconds,
    )


async def count(conn: Connection) -> int:
    """Leads that wait, on both lanes."""
    return int(await conn.fetchval("select count(*) from enrichment.jobs where not published"))


def _job(row: Any) -> Job:
    return Job(row["input_id"], LeadCaptured.read(row["captured"]), row["traceparent"])
