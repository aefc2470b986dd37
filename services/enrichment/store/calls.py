"""Questions as they are put: who asks, what it may cost, what it did cost."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from schemas.base import Lane, Provenance
from services.enrichment.money import ALL, affordable
from services.enrichment.providers.contract import Outcome, Question
from services.enrichment.store.answers import answers
from services.runtime.database import Connection

_LEASE = """
insert into enrichment.flights as f (provider, question, until)
values ($1, $2, clock_timestamp() + make_interval(secs => $3))
on conflict (provider, question) do update set until = excluded.until
where f.until < clock_timestamp()
returning true
"""
_OPEN_ACCOUNTS = """
insert into enrichment.spend (day, provider)
select (now() at time zone 'utc')::date, unnest($1::text[]) order by 2
on conflict do nothing
"""
_LOCK_ACCOUNTS = """
select provider, spent from enrichment.spend
where day = (now() at time zone 'utc')::date and provider = any($1::text[])
order by provider for update
"""
_PUT_ASIDE = """
update enrichment.spend set spent = spent + $2
where day = $3 and provider = any($1::text[])
"""
_CALL = """
insert into enrichment.calls
    (day, provider, endpoint, lead_id, lane, reserved, outcome, cost, question)
values ((now() at time zone 'utc')::date, $1, $2, $3, $4, $5, $6, $7, $8)
returning id, day
"""
_SKIP = """
insert into enrichment.calls
    (day, provider, endpoint, lead_id, lane, reserved, outcome, cost, ended_at)
select (now() at time zone 'utc')::date, provider, endpoint, lead_id, $4, 0, 'skipped', 0,
       clock_timestamp()
from unnest($1::uuid[], $2::text[], $3::text[]) as n(lead_id, provider, endpoint)
where not exists (
    select 1 from enrichment.calls c
    where c.lead_id = n.lead_id and c.provider = n.provider and c.endpoint = n.endpoint
      and c.outcome = 'skipped' and c.day = (now() at time zone 'utc')::date
)
returning provider
"""
_END = """
update enrichment.calls
set outcome = $2, cost = $3, ended_at = clock_timestamp()
where id = $1 and outcome is null
returning day, reserved, question
"""
# What ended as an error may have been answered all the same.
_END_LATE = """
with was as (
    select id, day, coalesce(cost, reserved) as held from enrichment.calls
    where id = $1 and (outcome is null or outcome = 'error') for update
)
update enrichment.calls c
set outcome = $2, cost = coalesce($3::bigint, c.cost, c.reserved), ended_at = clock_timestamp()
from was where c.id = was.id
returning was.day, was.held, c.cost
"""


@dataclass(frozen=True, slots=True)
class Order:
    """A question that somebody wants to put."""

    question: Question
    lead_id: UUID
    lane: Lane
    price: int
    """What it may cost, in millionths."""
    limits: Mapping[str, int]
    """Account to what may be spent of it in a day, in millionths."""
    lease: float
    """Seconds after which another may ask the same."""


@dataclass(frozen=True, slots=True)
class Kept:
    """It was answered before; a miss is empty."""

    values: Mapping[str, Provenance]


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Somebody is asking it now."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """The day's money is spent."""


@dataclass(frozen=True, slots=True)
class Began:
    """It is ours to ask; the money is put aside."""

    call: int
    day: date
    reserved: int


async def begin(conn: Connection, order: Order) -> Kept | Elsewhere | Stopped | Began:
    """Begin a question, inside a transaction of its own.

    It does not wait for the disk: should the database itself crash now, at most the putting aside
    is lost, never an answer or what it cost.
    """
    question = order.question
    await conn.execute("set local synchronous_commit = off")
    leased = await conn.fetchval(_LEASE, question.provider, question.key, order.lease)
    # After the lease: whoever had it before us has kept its answer by now.
    kept = await answers(conn, [question])
    found = kept.get((question.provider, question.key))
    if found is not None:
        if leased:
            await _land(conn, question)
        return Kept(found)
    if not leased:
        return Elsewhere()
    if order.price and not await _put_aside(conn, order):
        await _land(conn, question)
        await _call(conn, order, reserved=0, outcome=Outcome.BUDGET_STOP)
        return Stopped()
    return await _call(conn, order, reserved=order.price, outcome=None)


async def skip(
    conn: Connection, lane: Lane, places: Collection[tuple[UUID, str, str]]
) -> list[str]:
    """Note who was not asked, once a day for a lead; the providers that are noted now.

    :param places: lead, provider and endpoint; none twice.
    """
    leads, providers, endpoints = zip(*sorted(places), strict=True) if places else ((), (), ())
    rows = await conn.fetch(_SKIP, list(leads), list(providers), list(endpoints), lane.value)
    return [row["provider"] for row in rows]


async def end(
    conn: Connection, begun: Began, question: Question, outcome: Outcome, cost: int
) -> bool:
    """End a question, inside a transaction: the ledger, and what was put aside too much.

    False where the person whom it was about was erased meanwhile.
    """
    row = await conn.fetchrow(_END, begun.call, outcome.value, cost)
    if row is not None and cost != row["reserved"]:
        accounts = sorted((ALL, question.provider))
        await conn.execute(_PUT_ASIDE, accounts, cost - row["reserved"], row["day"])
    await _land(conn, question)
    return row is None or row["question"] is not None or not question.is_personal


async def end_late(
    conn: Connection, call: int, provider: str, outcome: Outcome, cost: int | None
) -> None:
    """End a question whose answer was waited for, inside a transaction.

    :param cost: in millionths; None: what it was thought to cost, as nobody knows.
    """
    row = await conn.fetchrow(_END_LATE, call, outcome.value, cost)
    if row is not None and row["cost"] != row["held"]:
        accounts = sorted((ALL, provider))
        await conn.execute(_PUT_ASIDE, accounts, row["cost"] - row["held"], row["day"])


async def land(conn: Connection, question: Question) -> None:
    """Whoever asks the same need not wait for it any more."""
    await _land(conn, question)


async def _put_aside(conn: Connection, order: Order) -> bool:
    accounts = sorted((ALL, order.question.provider))
    await conn.execute(_OPEN_ACCOUNTS, accounts)
    rows = await conn.fetch(_LOCK_ACCOUNTS, accounts)
    spent = {row["provider"]: row["spent"] for row in rows}
    if not affordable(spent, order.price, order.limits):
        return False
    day = await conn.fetchval("select (now() at time zone 'utc')::date")
    await conn.execute(_PUT_ASIDE, accounts, order.price, day)
    return True


async def _call(conn: Connection, order: Order, *, reserved: int, outcome: Outcome | None) -> Began:
    row = await conn.fetchrow(
        _CALL,
        order.question.provider,
        order.question.endpoint,
        order.lead_id,
        order.lane.value,
        reserved,
        outcome.value if outcome else None,
        0 if outcome else None,
        order.question.key if order.question.is_personal else None,
    )
    assert row is not None
    return Began(row["id"], row["day"], reserved)


async def _land(conn: Connection, question: Question) -> None:
    await conn.execute(
        "delete from enrichment.flights where provider = $1 and question = $2",
        question.provider,
        question.key,
    )
