"""What has to be read from vendors. A job is leased by an attempt: its number is the lease."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from schemas.base import Lane
from schemas.submission import SubmissionReceived
from services.capture.fetchpolicy import Again, Tries
from services.runtime.database import Connection
from services.runtime.records import Record


@dataclass(frozen=True, slots=True)
class NewJob:
    """A submission to be completed."""

    job_id: UUID
    record: Record[SubmissionReceived]
    replays: int


@dataclass(frozen=True, slots=True)
class Job:
    """A job that this worker leased, with the record of its submission."""

    job_id: UUID
    input_id: UUID
    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...]
    tries: Tries


@dataclass(frozen=True, slots=True)
class Answered:
    """A job whose answer was published."""

    submission_id: UUID
    fetched_sha256: str


_ADD = """
insert into capture.fetches as f
    (job_id, input_id, topic, partition, "offset", key, value, headers, replays, submission_id,
     source, lane)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
on conflict (job_id) do update
set value = excluded.value, headers = excluded.headers, replays = excluded.replays,
    partition = excluded.partition, "offset" = excluded."offset",
    created_at = clock_timestamp(), due_at = clock_timestamp(), attempts = 0, refusals = 0,
    missings = 0, ended_at = null, reason = null
where f.reason is not null and f.replays < excluded.replays
"""


async def add(conn: Connection, jobs: Sequence[NewJob]) -> None:
    """Store jobs; one that ended without an answer begins anew when its dead letter was put
    back."""
    await conn.executemany(
        _ADD,
        [
            (
                new.job_id,
                new.record.id,
                new.record.topic,
                new.record.partition,
                new.record.offset,
                new.record.key,
                new.record.value,
                json.dumps([(n, v.decode("latin-1")) for n, v in new.record.headers]).encode(),
                new.replays,
                new.record.event.submission_id,
                new.record.event.source,
                new.record.event.lane.value,
            )
            for new in jobs
        ],
    )


async def answered(conn: Connection, ids: Collection[UUID]) -> dict[UUID, Answered]:
    """Of the given ids those of jobs whose answer was published."""
    if not ids:
        return {}
    rows = await conn.fetch(
        "select job_id, submission_id, fetched_sha256 from capture.fetches"
        " where job_id = any($1::uuid[]) and fetched_sha256 is not null",
        list(ids),
    )
    return {row[0]: Answered(row[1], row[2]) for row in rows}


async def given_up(conn: Connection, inputs: Collection[UUID]) -> dict[UUID, int]:
    """Of the given records those whose job became a dead letter, with its number of replays."""
    if not inputs:
        return {}
    rows = await conn.fetch(
        "select input_id, replays from capture.fetches"
        " where input_id = any($1::uuid[]) and reason is not null",
        list(inputs),
    )
    return {row[0]: row[1] for row in rows}


_CLAIM = """
update capture.fetches
set attempts = attempts + 1, due_at = clock_timestamp() + make_interval(secs => $3)
where job_id in (
    select job_id from capture.fetches
    where ended_at is null and lane = $1 and due_at <= clock_timestamp()
    order by due_at limit $2
    for update skip locked
)
returning job_id, input_id, topic, partition, "offset", key, value, headers, attempts, refusals,
    missings, extract(epoch from clock_timestamp() - created_at)::float8 as age_s
"""


async def claim(conn: Connection, lane: Lane, limit: int, lease_s: float) -> list[Job]:
    """Lease what is due, the longest due first. A worker that dies leaves a lease that runs out."""
    return [_job(row) for row in await conn.fetch(_CLAIM, lane.value, limit, lease_s)]


async def end_answered(conn: Connection, job: Job, fetched_sha256: str) -> bool:
    """The answer is about to be published; False where the job has ended already."""
    return await _changed(
        conn,
        "update capture.fetches set ended_at = clock_timestamp(), fetched_sha256 = $2,"
        " value = '', headers = '' where job_id = $1 and ended_at is null",
        job.job_id,
        fetched_sha256,
    )


async def end_given_up(conn: Connection, job: Job, reason: str) -> bool:
    """A dead letter is about to be published; False where the job has ended already.

    Its record is forgotten by the inbox, so that it can be put back.
    """
    ended = await _changed(
        conn,
        "update capture.fetches set ended_at = clock_timestamp(), reason = $2,"
        " value = '', headers = '' where job_id = $1 and ended_at is null and attempts = $3",
        job.job_id,
        reason,
        job.tries.attempts,
    )
    if ended:
        await conn.execute("delete from capture.inbox where input_id = $1", job.input_id)
    return ended


async def put_off(conn: Connection, job: Job, step: Again) -> None:
    """Due again later; nothing where another worker has the lease by now."""
    await conn.execute(
        "update capture.fetches set due_at = clock_timestamp() + make_interval(secs => $3),"
        " refusals = refusals + $4, missings = missings + $5"
        " where job_id = $1 and attempts = $2 and ended_at is null",
        job.job_id,
        job.tries.attempts,
        step.wait_s,
        int(step.refused),
        int(step.missing),
    )


async def put_off_source(conn: Connection, source: str, wait_s: float) -> None:
    """Nothing of a source is due before ``wait_s`` seconds; what is being asked now, goes on."""
    await conn.execute(
        "update capture.fetches set due_at = clock_timestamp() + make_interval(secs => $2)"
        " where job_id in (select job_id from capture.fetches where source = $1"
        " and ended_at is null and due_at < clock_timestamp() + make_interval(secs => $2)"
        " for update skip locked)",
        source,
        wait_s,
    )


async def give_back(conn: Connection, jobs: Collection[Job]) -> None:
    """Leases of a worker that stops."""
    await conn.executemany(
        "update capture.fetches set due_at = clock_timestamp()"
        " where job_id = $1 and attempts = $2 and ended_at is null",
        [(job.job_id, job.tries.attempts) for job in jobs],
    )


async def _changed(conn: Connection, statement: str, *arguments: object) -> bool:
    return bool((await conn.execute(statement, *arguments)).endswith(" 1"))


def _job(row: asyncpg.Record) -> Job:
    headers = tuple((n, v.encode("latin-1")) for n, v in json.loads(row["headers"]))
    tries = Tries(row["attempts"], row["refusals"], row["missings"], row["age_s"])
    return Job(
        row["job_id"],
        row["input_id"],
        row["topic"],
        row["partition"],
        row["offset"],
        row["key"],
        row["value"],
        headers,
        tries,
    )
