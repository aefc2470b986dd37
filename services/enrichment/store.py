"""All SQL of enrichment. Callers hold a transaction; rows are locked in the order of lead ids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic_core import from_json, to_json

from schemas.base import Lane, Provenance
from schemas.lead import LeadCaptured
from services.enrichment.config import Outcome
from services.enrichment.merge import dump, load
from services.enrichment.plan import Question
from services.enrichment.revise import LeadState, Revision, unknown
from services.enrichment.settle import Job
from services.runtime.database import Connection

# One statement creates what is missing, locks in order and reads what is newest: the update that
# changes nothing is what makes it return rows that were there before.
_LOCK = """
insert into enrichment.leads as l (lead_id, account_key)
select * from unnest($1::uuid[], $2::text[]) order by 1
on conflict (lead_id) do update set account_key = l.account_key
returning lead_id, revision, said::text as said, bought::text as bought
"""

_WRITE = """
with written as (
    update enrichment.leads l
    set revision = n.revision, said = n.said::jsonb, bought = n.bought::jsonb, updated_at = now()
    from unnest($1::uuid[], $2::int[], $3::text[], $4::text[]) as n(lead_id, revision, said, bought)
    where l.lead_id = n.lead_id
)
insert into enrichment.revisions
    (lead_id, revision, input_id, submission_id, at, complete, late, missing, facts)
select lead_id, revision, input_id, submission_id, at, complete, late,
       coalesce(string_to_array(nullif(missing, ''), ','), '{}'), facts::jsonb
from unnest($5::uuid[], $6::int[], $7::uuid[], $8::uuid[], $9::timestamptz[], $10::bool[],
            $11::bool[], $12::text[], $13::text[])
    as r(lead_id, revision, input_id, submission_id, at, complete, late, missing, facts)
"""

_ADD_JOBS = """
insert into enrichment.jobs (input_id, lead_id, lane, captured, traceparent, deadline)
select input_id, lead_id, lane, captured, traceparent,
       clock_timestamp() + make_interval(secs => seconds)
from unnest($1::uuid[], $2::uuid[], $3::text[], $4::bytea[], $5::text[], $6::float8[])
    as j(input_id, lead_id, lane, captured, traceparent, seconds)
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

_ANSWERS = """
select provider, question, "values"::text as values
from enrichment.answers
join unnest($1::text[], $2::text[]) as q(provider, question) using (provider, question)
where expires_at > now()
"""

_KEEP = """
insert into enrichment.answers (provider, question, outcome, "values", fetched_at, expires_at)
values ($1, $2, $3, ($4::text)::jsonb, $5, $6)
on conflict (provider, question) do update
set outcome = excluded.outcome, "values" = excluded."values",
    fetched_at = excluded.fetched_at, expires_at = excluded.expires_at
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


async def lock(conn: Connection, leads: Mapping[UUID, str]) -> dict[UUID, LeadState]:
    """Create what is missing and lock all; lead id to what is stored.

    :param leads: lead id to account key.
    """
    ids = sorted(leads)
    rows = await conn.fetch(_LOCK, ids, [leads[lead] for lead in ids])
    return {row["lead_id"]: _state(row) for row in rows}


async def write(
    conn: Connection, states: Iterable[LeadState], revisions: Sequence[tuple[UUID, Revision]]
) -> None:
    """Store locked leads and their new revisions.

    :param revisions: each with the id of the LeadCaptured that it descends from.
    """
    changed = list(states)
    events = [revision.event for _, revision in revisions]
    await conn.execute(
        _WRITE,
        [state.lead_id for state in changed],
        [state.revision for state in changed],
        [_json(dump(state.registers)) for state in changed],
        [_json(state.bought) for state in changed],
        [event.lead.lead_id for event in events],
        [event.lead_revision for event in events],
        [input_id for input_id, _ in revisions],
        [event.submission_id for event in events],
        [revision.at for _, revision in revisions],
        [event.complete for event in events],
        [event.late for event in events],
        [",".join(sorted(revision.missing)) for _, revision in revisions],
        [_json(event.facts) for event in events],
    )


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


async def peek(conn: Connection, lead_id: UUID) -> LeadState:
    """What is stored of a lead, without a lock."""
    row = await conn.fetchrow(
        "select lead_id, revision, said::text as said, bought::text as bought"
        " from enrichment.leads where lead_id = $1",
        lead_id,
    )
    return unknown(lead_id) if row is None else _state(row)


async def count(conn: Connection) -> int:
    """Leads that wait, on both lanes."""
    return int(await conn.fetchval("select count(*) from enrichment.jobs where not published"))


async def forget_answers(conn: Connection) -> None:
    """Delete answers that are not fresh any more."""
    await conn.execute("delete from enrichment.answers where expires_at < now()")


async def answers(
    conn: Connection, questions: Sequence[Question]
) -> dict[tuple[str, str], dict[str, Provenance]]:
    """Kept answers that are fresh, by provider and question key; a kept miss is empty."""
    rows = await conn.fetch(
        _ANSWERS,
        [question.provider for question in questions],
        [question.key for question in questions],
    )
    return {
        (row["provider"], row["question"]): _provenances(from_json(row["values"])) for row in rows
    }


async def keep(
    conn: Connection,
    question: Question,
    outcome: Outcome,
    values: Mapping[str, Provenance],
    at: datetime,
    fresh_for: timedelta,
) -> None:
    """Remember an answer, so that the same question is not paid for twice."""
    await conn.execute(
        _KEEP, question.provider, question.key, outcome.value, _json(values), at, at + fresh_for
    )


def _state(row: Any) -> LeadState:
    return LeadState(
        lead_id=row["lead_id"],
        revision=row["revision"],
        registers=load(from_json(row["said"])),
        bought=_provenances(from_json(row["bought"])),
    )


def _job(row: Any) -> Job:
    return Job(row["input_id"], LeadCaptured.read(row["captured"]), row["traceparent"])


def _provenances(stored: Mapping[str, Any]) -> dict[str, Provenance]:
    return {name: Provenance.model_validate(value) for name, value in stored.items()}


def _json(value: Any) -> str:
    return to_json(value).decode()
