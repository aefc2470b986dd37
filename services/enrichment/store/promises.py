"""Questions whose answer a vendor brings later."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from schemas.base import Lane
from schemas.lead import LeadCaptured
from services.enrichment.providers.contract import Question
from services.enrichment.settle import Job
from services.runtime.database import Connection

_EXPECT = """
insert into enrichment.promises
    (token, call, provider, endpoint, question, lead_id, lane, input_id, captured, traceparent,
     keep_until)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, now() + $11::interval)
"""
_OF = """
select call, provider, endpoint, question, reference, lane, input_id, captured, traceparent,
       answered_at is not null as answered
from enrichment.promises where token = $1 and keep_until > now() for update
"""
_REFER = """
update enrichment.promises set reference = $2 where call = $1 and answered_at is null
"""
# The touch names a person; the row stays a while, so that a repeat is known for one.
_KEPT = """
update enrichment.promises set answered_at = now(), captured = '' where token = $1
"""
_DOUBT = """
delete from enrichment.answers where provider = $1 and question = $2 and outcome = 'later'
"""
_WITHDRAW = """
with gone as (
    delete from enrichment.promises where call = $1 and answered_at is null
    returning provider, question
)
delete from enrichment.answers a using gone
where a.provider = gone.provider and a.question = gone.question and a.outcome = 'later'
"""
_OVERDUE = """
delete from enrichment.promises where token in (
    select token from enrichment.promises where keep_until <= now()
    order by keep_until limit $1 for update skip locked)
returning call, provider, answered_at is not null as answered
"""


@dataclass(frozen=True, slots=True)
class Promise:
    """An answer that is to come, or has come."""

    call: int
    """In the ledger."""
    provider: str
    endpoint: str
    question: str
    """Its hash."""
    reference: str | None
    lane: Lane
    answered: bool
    job: Job | None
    """For which it was asked; None once it is answered."""


async def expect(
    conn: Connection, token: bytes, call: int, question: Question, job: Job, patience: timedelta
) -> None:
    """Somebody may bring the answer to this question from now on.

    :param token: the hash of what proves it.
    """
    await conn.execute(
        _EXPECT,
        token,
        call,
        question.provider,
        question.endpoint,
        question.key,
        job.lead_id,
        job.event.lane.value,
        job.input_id,
        job.event.encode(),
        job.traceparent,
        patience,
    )


async def promise(conn: Connection, token: bytes) -> Promise | None:
    """Lock one; None where nobody waits for such an answer (any more)."""
    row = await conn.fetchrow(_OF, token)
    if row is None:
        return None
    job = None
    if not row["answered"]:
        job = Job(row["input_id"], LeadCaptured.read(row["captured"]), row["traceparent"])
    names = ("call", "provider", "endpoint", "question", "reference", "answered")
    return Promise(**{name: row[name] for name in names}, lane=Lane(row["lane"]), job=job)


async def refer(conn: Connection, call: int, reference: str | None) -> None:
    """The vendor promised to tell, about whom it calls so; it may have told already."""
    await conn.execute(_REFER, call, reference)


async def withdraw(conn: Connection, call: int) -> None:
    """Nothing will come, and the question may be asked again."""
    await conn.execute(_WITHDRAW, call)


async def doubt(conn: Connection, question: Question) -> None:
    """It may come or not: it is taken if it does, and the question may be asked again."""
    await conn.execute(_DOUBT, question.provider, question.key)


async def kept(conn: Connection, token: bytes) -> None:
    """It has come."""
    await conn.execute(_KEPT, token)


async def overdue(conn: Connection, most: int) -> list[tuple[int, str]]:
    """Forget what is over; calls and providers of those that were never answered."""
    rows = await conn.fetch(_OVERDUE, most)
    return [(row["call"], row["provider"]) for row in rows if not row["answered"]]
