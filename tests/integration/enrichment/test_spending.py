"""Nothing is paid twice, the day's money is kept to, and the ledger says what was spent."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from schemas.base import Lane
from services.enrichment import store
from services.enrichment.config import EnrichmentConfig, EnrichmentFile, resolve
from services.enrichment.providers.contract import Outcome, Question
from services.enrichment.providers.settings import HttpProvider
from tests.integration.enrichment.flow import Flow, captured_lead, now, working
from tests.integration.enrichment.standin import StandIn, after, answering, hang
from tests.support.waiting import eventually

FIRM = answering({"company": {"headcount": 640}})


@pytest.fixture
async def standin() -> AsyncIterator[StandIn]:
    async with StandIn(FIRM) as server:
        yield server


@contextlib.asynccontextmanager
async def two(pool: asyncpg.Pool, config: EnrichmentConfig) -> AsyncIterator[tuple[Flow, Flow]]:
    """Two processes, as far as they can tell: they share the database only."""
    flows = Flow(pool, config), Flow(pool, config)
    try:
        yield flows
    finally:
        for flow in flows:
            await flow.asking.close()


def _config(*providers: HttpProvider, fields: Any = None, **file: Any) -> EnrichmentConfig:
    named = {f"p{n}": one.model_dump() for n, one in enumerate(providers)}
    wanted = fields or {"headcount": {"waterfall": list(named)}}
    values = {"budget_ms": {"live": {"default": 5000}}, "providers": named, **file}
    return resolve(EnrichmentFile.model_validate({"fields": wanted, **values}))


async def _ledger(pool: asyncpg.Pool) -> list[tuple[str, int, bool]]:
    rows = await pool.fetch("select outcome, micros, unsettled from enrichment.ledger order by 1")
    return [tuple(row) for row in rows]


async def _no_jobs(flow: Flow) -> bool:
    return await flow.pool.fetchval("select count(*) = 0 from enrichment.jobs") is True


async def test_two_processes_ask_the_same_question_once(
    pool: asyncpg.Pool, standin: StandIn
) -> None:
    gate = asyncio.Event()
    standin.reply = after(gate, FIRM)
    config = _config(standin.provider(confirm=None, cost=0.02))
    async with two(pool, config) as (one, other), working(one, other):
        await one.take(captured_lead({"email": "a@acme.example"}))
        await other.take(captured_lead({"email": "b@acme.example"}))
        await eventually(lambda: bool(standin.requests))
        gate.set()
        await eventually(lambda: len(one.released) + len(other.released) == 2)
        found = [*one.later(), *other.later()]
    assert [event.facts["headcount"].value for event in found] == [640, 640]
    assert len(standin.requests) == 1
    assert await _ledger(pool) == [("matched", 20_000, False)]
    assert await pool.fetchval("select count(*) from enrichment.flights") == 0


@pytest.mark.parametrize("whose", ["provider", "all"])
async def test_the_days_money_is_kept_to_by_several_processes(
    pool: asyncpg.Pool, standin: StandIn, whose: str
) -> None:
    mine = {"daily_budget": 0.05} if whose == "provider" else {}
    ours = {} if whose == "provider" else {"daily_budget": 0.05}
    config = _config(standin.provider(confirm=None, cost=0.02, **mine), **ours)
    async with two(pool, config) as (one, other), working(one, other):
        for n in range(10):
            await (one, other)[n % 2].take(captured_lead({"email": f"a@c{n}.example"}))
        await eventually(lambda: len(one.released) + len(other.released) == 10)
        await eventually(lambda: _no_jobs(one))
    assert len(standin.requests) == 2
    ledger = await _ledger(pool)
    assert ledger == [("budget_stop", 0, False)] * 8 + [("matched", 20_000, False)] * 2
    assert await pool.fetchval("select max(spent) from enrichment.spend") == 40_000


async def test_a_miss_gives_back_what_was_put_aside(flow: Flow, standin: StandIn) -> None:
    standin.reply = answering({}, 404)
    flow.config = _config(standin.provider(cost=0.02, miss_cost=0.005))
    async with working(flow):
        await flow.take(captured_lead())
        await eventually(lambda: _no_jobs(flow))
    assert await _ledger(flow.pool) == [("no_match", 5_000, False)]
    assert set(await _spent(flow.pool)) == {5_000}


async def _spent(pool: asyncpg.Pool) -> list[int]:
    return [row["spent"] for row in await pool.fetch("select spent from enrichment.spend")]


async def test_what_a_dead_process_may_have_paid_stays_put_aside(
    flow: Flow, standin: StandIn
) -> None:
    standin.reply = hang
    flow.config = _config(standin.provider(cost=0.02, timeout_ms=30_000))
    async with working(flow):
        await flow.take(captured_lead())
        await eventually(lambda: bool(standin.requests))
        await flow.asking.close()
    assert await _ledger(flow.pool) == [(None, 20_000, True)]
    assert set(await _spent(flow.pool)) == {20_000}


async def test_accounts_and_ledger_agree(pool: asyncpg.Pool, standin: StandIn) -> None:
    async def reply(request: Any, writer: asyncio.StreamWriter) -> None:
        number = int(request.line.split("=c")[1].split(".")[0])
        await (FIRM, answering({}, 404), answering({}, 500), answering({}))[number % 4](
            request, writer
        )

    standin.reply = reply
    config = _config(standin.provider(confirm=None, cost=0.02, miss_cost=0.001, attempts=1,
                                      breaker={"failures": 100}))  # fmt: skip
    async with two(pool, config) as (one, other), working(one, other):
        for n in range(24):
            await (one, other)[n % 2].take(captured_lead({"email": f"a@c{n}.example"}))
        await eventually(lambda: _no_jobs(one))
    total = sum(micros for _, micros, _ in await _ledger(pool))
    assert total == 6 * 20_000 + 12 * 1_000
    assert await _spent(pool) == [total, total]


async def test_nobody_waits_for_a_field_that_may_come_later(flow: Flow, standin: StandIn) -> None:
    gate = asyncio.Event()
    standin.reply = after(gate, answering({"company": {"industry": "Software"}}))
    fields = {"industry": {"waterfall": ["p0"], "wait": False}}
    flow.config = _config(standin.provider(confirm=None), fields=fields)
    async with working(flow):
        (first,) = await flow.take(captured_lead())
        assert (first.lead_revision, first.late, first.complete) == (1, False, False)
        gate.set()
        await eventually(lambda: len(flow.released) == 1)
        await eventually(lambda: _no_jobs(flow))
    (second,) = flow.later()
    assert (second.lead_revision, second.late, second.complete) == (2, True, True)
    assert second.facts["industry"].value == "Software"


async def test_an_uncertain_value_does_not_end_the_waterfall(flow: Flow, standin: StandIn) -> None:
    async with StandIn(answering({"company": {"headcount": 700}})) as sure:
        flow.config = _config(
            standin.provider(confirm=None, confidence=0.4),
            sure.provider(confirm=None, confidence=0.9),
            fields={"headcount": {"waterfall": ["p0", "p1"], "min_confidence": 0.7}},
        )
        async with working(flow):
            await flow.take(captured_lead())
            await eventually(lambda: len(flow.released) == 1)
            await eventually(lambda: _no_jobs(flow))
        (found,) = flow.later()
        assert (found.complete, found.facts["headcount"].value) == (True, 700)
        assert len(standin.requests) == len(sure.requests) == 1


async def test_a_field_may_age_faster_than_its_provider(flow: Flow, standin: StandIn) -> None:
    fields = {"headcount": {"waterfall": ["p0"], "fresh_days": 5}}
    flow.config = _config(standin.provider(confirm=None, keep_days=30), fields=fields)
    event = captured_lead()
    async with working(flow):
        await flow.take(event)
        await eventually(lambda: _no_jobs(flow))
        for column, table in (("fetched_at", "answers"),):
            await flow.pool.execute(
                f"update enrichment.{table} set {column} = now() - interval '6 days'"
            )
        await flow.take(captured_lead({"email": "bob@acme.example"}))
        await eventually(lambda: _no_jobs(flow))
    assert len(standin.requests) == 2


async def test_the_own_table_comes_before_any_purchase(flow: Flow, standin: StandIn) -> None:
    await flow.pool.execute(
        "insert into enrichment.companies (domain, facts, file)"
        " values ('acme.example', '{\"headcount\": 512}', 'a.csv')"
    )
    flow.config = _config(standin.provider(confirm=None))
    (found,) = await flow.take(captured_lead())
    fact = found.facts["headcount"]
    assert (found.complete, fact.value, fact.source) == (True, 512, "table:companies")
    assert standin.requests == []
    (stated,) = await flow.take(captured_lead({"fields": {"company_size": "90"}}))
    assert (stated.facts["headcount"].value, stated.facts["headcount"].source) == (90, "form")


async def test_a_question_is_leased_answered_and_then_kept(pool: asyncpg.Pool) -> None:
    question = Question("p0", "answer", {"domain": "acme.example"})
    order = store.Order(question, uuid4(), Lane.LIVE, 20_000, {}, lease=60.0)

    async def begin(order: store.Order = order) -> object:
        async with pool.acquire() as conn, conn.transaction():
            return await store.begin(conn, order)

    first, *others = await asyncio.gather(*(begin() for _ in range(4)))
    found = [first, *others]
    (began,) = [one for one in found if isinstance(one, store.Began)]
    assert [type(one) for one in found].count(store.Elsewhere) == 3
    async with pool.acquire() as conn, conn.transaction():
        await store.end(conn, began, question, Outcome.NO_MATCH, 0)
        await store.keep(
            conn, (question.provider, question.key), Outcome.NO_MATCH, {}, now(), timedelta(days=1)
        )
    assert await begin() == store.Kept({})
    # Who died while asking leaves a lease that runs out.
    other = replace(order, question=Question("p0", "answer", {"domain": "b.example"}), lease=-1.0)
    assert isinstance(await begin(other), store.Began)
    assert isinstance(await begin(other), store.Began)
    assert [outcome for outcome, _, _ in await _ledger(pool)].count(None) == 2


async def test_who_was_not_asked_is_in_the_ledger_once_at_no_cost(
    flow: Flow, standin: StandIn
) -> None:
    url = f"{standin.url}/{{first_name}}?domain={{domain}}"
    nameless = standin.provider(confirm=None, url=url)
    flow.config = _config(standin.provider(confirm=None), nameless)
    lead = captured_lead({"first_name": None})
    await flow.take(lead)
    async with working(flow):
        await eventually(lambda: _no_jobs(flow))
    await flow.take(captured_lead({"first_name": None}, lead_id=lead.lead.lead_id, minutes=9))
    rows = await flow.pool.fetch(
        "select provider, lead_id, outcome, micros, unsettled from enrichment.ledger"
    )
    skipped = [tuple(row) for row in rows if row["outcome"] == "skipped"]
    assert skipped == [("p1", lead.lead.lead_id, "skipped", 0, False)]


async def test_who_could_not_be_asked_at_all_is_in_the_ledger_though_no_lead_waits(
    flow: Flow, standin: StandIn
) -> None:
    url = f"{standin.url}/{{first_name}}?domain={{domain}}"
    flow.config = _config(standin.provider(confirm=None, url=url))
    lead = captured_lead({"first_name": None})
    other = captured_lead({"first_name": None})
    assert len(await flow.take(lead, other)) == 2, "published at once"
    await flow.take(captured_lead({"first_name": None}, lead_id=lead.lead.lead_id, minutes=9))
    rows = await flow.pool.fetch("select lead_id, outcome, micros from enrichment.ledger")
    expected = {(one.lead.lead_id, "skipped", 0) for one in (lead, other)}
    assert sorted(tuple(row) for row in rows) == sorted(expected), "once a day for a lead"
    assert await flow.pool.fetchval("select count(*) from enrichment.jobs") == 0
    counted = flow.metrics.registry.get_sample_value(
        "handraise_provider_calls_total", {"provider": "p0", "outcome": "skipped"}
    )
    assert counted == 2
