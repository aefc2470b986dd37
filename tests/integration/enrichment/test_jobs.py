"""Leads that wait: in time whatever the provider does, published once, corrected afterwards."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from schemas.base import Lane
from schemas.enrichment import LeadEnriched
from schemas.lead import Repeat
from services.enrichment import store
from tests.integration.enrichment.flow import Flow, captured_lead, record, working
from tests.integration.enrichment.standin import StandIn, after, answering, hang
from tests.support.waiting import PATIENCE, eventually


@pytest.fixture
async def standin() -> AsyncIterator[StandIn]:
    async with StandIn(answering()) as server:
        yield server


async def _published(flow: Flow, count: int) -> list[LeadEnriched]:
    await eventually(lambda: len(flow.released) >= count)
    return flow.later()


async def _jobs(flow: Flow) -> int:
    return int(await flow.pool.fetchval("select count(*) from enrichment.jobs"))


async def _no_jobs(flow: Flow) -> bool:
    return await _jobs(flow) == 0


async def test_an_answer_in_time_completes_the_lead(flow: Flow, standin: StandIn) -> None:
    flow.config = standin.config()
    event = captured_lead()
    async with working(flow):
        assert await flow.take(event) == []
        (found,) = await _published(flow, 1)
        await eventually(lambda: _no_jobs(flow))
    assert found.submission_id == event.submission_id
    assert (found.lead_revision, found.complete, found.late) == (1, True, False)
    assert found.facts["headcount"].value == 640
    assert found.facts["email_class"].value == "business"
    (out,) = flow.released
    assert out.topic == "leads.enriched.v1"
    assert dict(out.headers)["traceparent"] == record(event).envelope.traceparent.encode()


async def test_a_slow_answer_corrects_a_lead_that_did_not_wait_for_it(
    flow: Flow, standin: StandIn
) -> None:
    gate = asyncio.Event()
    standin.reply = after(gate, answering())
    flow.config = standin.config(budget_ms=50, timeout_ms=10_000)
    event = captured_lead()
    async with working(flow):
        await flow.take(event)
        (first,) = await _published(flow, 1)
        assert (first.complete, first.late) == (False, False)
        assert "headcount" not in first.facts
        gate.set()
        _, second = await _published(flow, 2)
        await eventually(lambda: _no_jobs(flow))
    assert (second.lead_revision, second.complete, second.late) == (2, True, True)
    assert second.submission_id == first.submission_id
    assert second.facts["headcount"].value == 640
    assert len({dict(out.headers)["ce_id"] for out in flow.released}) == 2


async def test_nobody_waits_when_nobody_is_left_to_ask(flow: Flow, standin: StandIn) -> None:
    standin.reply = answering({}, 500)
    flow.config = standin.config(budget_ms=60_000, attempts=1)
    began = time.monotonic()
    async with working(flow):
        await flow.take(captured_lead())
        (found,) = await _published(flow, 1)
        await eventually(lambda: _no_jobs(flow))
    assert (found.complete, found.late) == (False, False)
    assert time.monotonic() - began < PATIENCE * 5


async def test_free_mail_never_reaches_a_company_provider(flow: Flow, standin: StandIn) -> None:
    flow.config = standin.config()
    (found,) = await flow.take(captured_lead({"email": "ana@gmail.com"}))
    assert found.complete is False
    assert standin.requests == []


async def test_a_double_submit_does_not_wait(flow: Flow, standin: StandIn) -> None:
    flow.config = standin.config()
    (found,) = await flow.take(captured_lead(repeat=Repeat.DOUBLE_SUBMIT))
    assert found.late is False


async def test_the_same_question_is_paid_once(flow: Flow, standin: StandIn) -> None:
    flow.config = standin.config()
    async with working(flow):
        await flow.take(*(captured_lead({"email": f"p{n}@acme.example"}) for n in range(5)))
        await _published(flow, 5)
        await eventually(lambda: _no_jobs(flow))
    assert len(standin.requests) == 1
    # And a colleague who comes later does not even become a job.
    (found,) = await flow.take(captured_lead({"email": "late@acme.example"}))
    assert (found.complete, found.facts["headcount"].value) == (True, 640)


async def test_a_miss_is_remembered_too(flow: Flow, standin: StandIn) -> None:
    standin.reply = answering({}, 404)
    flow.config = standin.config()
    async with working(flow):
        await flow.take(captured_lead())
        await _published(flow, 1)
        await eventually(lambda: _no_jobs(flow))
    (found,) = await flow.take(captured_lead({"email": "bob@acme.example"}))
    assert found.complete is False
    assert len(standin.requests) == 1


async def test_a_stalled_provider_makes_no_lead_late(flow: Flow, standin: StandIn) -> None:
    """More leads than workers, and not one answer: the deadline holds for all of them."""
    standin.reply = hang
    flow.config = standin.config(budget_ms=300, timeout_ms=30_000)
    events = [captured_lead({"email": f"a@c{n}.example"}) for n in range(100)]
    async with working(flow):
        began = time.monotonic()
        await flow.take(*events)
        found = await _published(flow, 100)
        took = time.monotonic() - began
    assert {event.submission_id for event in found} == {event.submission_id for event in events}
    assert all(not event.late and not event.complete for event in found)
    assert took < PATIENCE * 3  # and not the 30 s that the provider may have


async def test_a_worker_that_dies_leaves_its_jobs_to_others(flow: Flow, standin: StandIn) -> None:
    flow.config = standin.config()
    await flow.take(captured_lead())
    async with flow.pool.acquire() as conn:
        claimed = await store.claim(conn, Lane.LIVE, 10, lease=0.2)
    assert len(claimed) == 1
    async with working(flow):
        (found,) = await _published(flow, 1)
    assert (found.complete, found.late) == (True, False)


async def test_a_worker_that_is_stopped_gives_its_jobs_back(flow: Flow, standin: StandIn) -> None:
    standin.reply = hang
    flow.config = standin.config(timeout_ms=30_000)
    async with working(flow):
        await flow.take(captured_lead())
        await eventually(lambda: bool(standin.requests))
    free = await flow.pool.fetchval(
        "select count(*) from enrichment.jobs where claimed_until is null and attempts = 0"
    )
    assert free == 1


async def test_two_workers_publish_each_submission_once(flow: Flow, standin: StandIn) -> None:
    flow.config = standin.config(budget_ms=100)
    other = Flow(flow.pool, flow.config)
    other.released = flow.released
    events = [captured_lead({"email": f"a@c{n}.example"}) for n in range(40)]
    async with working(flow), working(other):
        await asyncio.gather(*(one.take(*events) for one in (flow, other)))
        await eventually(lambda: _no_jobs(flow))
    first = [event.submission_id for event in flow.later() if not event.late]
    assert sorted(first, key=str) == sorted((e.submission_id for e in events), key=str)
    await other.asking.close()
