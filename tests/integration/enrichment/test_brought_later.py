"""Phones that Apollo brings after it was asked: late, early, twice, wrongly, never."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest

from schemas.base import Lane
from schemas.enrichment import LeadEnriched
from services.enrichment.config import EnrichmentConfig, EnrichmentFile, resolve
from services.enrichment.http import router
from services.enrichment.late import PATH, Late
from services.runtime.apikeys import Scope
from tests.contract.enrichment.test_apollo_phones import MOBILE, WHO, brought, number
from tests.integration.enrichment.flow import Flow, captured_lead, now, working
from tests.integration.enrichment.standin import Request, StandIn, answering, drop
from tests.support.waiting import eventually
from tests.support.web import Client, served

PERSON = answering({"person": {"id": WHO, "first_name": "Ana"}, "request_id": 1039995589705121900})
PHONES = brought(number(MOBILE))


def config(standin: StandIn, *, wait: bool = False, **changes: Any) -> EnrichmentConfig:
    apollo = {
        "type": "apollo", "secret": "STANDIN", "address": standin.url, "rate": {"calls": 1000},
        "attempts": 1, "phones": {"webhook": "https://hooks.example.com"}, **changes,
    }  # fmt: skip
    values = {
        "budget_ms": {"live": {"default": 30_000}},
        "fields": {"direct_dial": {"waterfall": ["apollo"], "wait": wait}},
        "providers": {"apollo": apollo},
    }
    return resolve(EnrichmentFile.model_validate(values))


@pytest.fixture
async def standin() -> AsyncIterator[StandIn]:
    async with StandIn(PERSON) as server:
        yield server


@pytest.fixture
def late(flow: Flow) -> Late:
    outboxes = dict.fromkeys(Lane, flow.outbox)
    return Late(flow.pool, outboxes, lambda: flow.config, flow.metrics, now)


@pytest.fixture
async def web(flow: Flow, late: Late) -> AsyncIterator[Client]:
    async with served(flow.pool, router(late), scopes={Scope.DECISIONS_READ}) as client:
        del client.headers["Authorization"]  # Apollo has no key
        yield client


def address(request: Request) -> str:
    """Where the answer is to be brought."""
    query = parse_qs(urlsplit(request.line.split(" ")[1]).query)
    assert query["reveal_phone_number"] == ["true"]
    (url,) = query["webhook_url"]
    assert url.startswith(f"https://hooks.example.com{PATH}/")
    return urlsplit(url).path


async def asked(flow: Flow, standin: StandIn) -> str:
    """A lead whose phone was asked for; where the answer is to be brought."""
    await flow.take(captured_lead())
    await eventually(lambda: no_jobs(flow), 30)
    return address(standin.requests[-1])


async def no_jobs(flow: Flow) -> bool:
    return await flow.pool.fetchval("select count(*) = 0 from enrichment.jobs") is True


async def ledger(flow: Flow) -> list[tuple[str | None, int]]:
    rows = await flow.pool.fetch("select outcome, micros from enrichment.ledger order by asked_at")
    return [tuple(row) for row in rows]


async def spent(flow: Flow) -> int:
    found = await flow.pool.fetchval("select spent from enrichment.spend where provider = ''")
    return int(found)


def dial(event: LeadEnriched) -> object:
    found = event.facts.get("direct_dial")
    return found.value if found else None


async def test_what_comes_later_is_a_late_revision_and_comes_once(
    flow: Flow, standin: StandIn, web: Client
) -> None:
    flow.config = config(standin)
    async with working(flow):
        (first,) = await flow.take(captured_lead(lead_id=(lead := uuid4())))
        assert (first.lead_revision, first.late, dial(first)) == (1, False, None)
        await eventually(lambda: no_jobs(flow), 30)
        assert await ledger(flow) == [(None, 180_000)], "put aside, until it is known"
        # Another touch, while it is waited for: nobody asks again.
        await flow.take(captured_lead(lead_id=lead, minutes=5))
        await eventually(lambda: no_jobs(flow), 30)
        assert len(standin.requests) == 1
        path = address(standin.requests[0])
        answers = await asyncio.gather(*(web.post(path, json=PHONES) for _ in range(3)))
        said = [one.json()["status"] for one in answers]
        assert sorted(said) == ["accepted", "duplicate", "duplicate"]
        (revised,) = [one for one in flow.later() if one.late]
        assert (revised.lead.lead_id, revised.lead_revision) == (lead, 3)
        found = revised.facts["direct_dial"]
        assert (found.value, found.source, found.cost) == (MOBILE, "provider:apollo", 0.18)
        assert await ledger(flow) == [("matched", 180_000)]
        (again,) = await flow.take(captured_lead(lead_id=lead, minutes=9))
        assert (dial(again), len(standin.requests)) == (MOBILE, 1)
    assert await flow.pool.fetchval("select captured from enrichment.promises") == b""


async def test_what_is_nothing_changes_nothing_and_is_waited_for_all_the_same(
    flow: Flow, standin: StandIn, web: Client
) -> None:
    flow.config = config(standin)
    async with working(flow):
        path = await asked(flow, standin)
        other = brought(number(MOBILE), who="64a7ff0cc4dfae00013df1a5")
        for where, body, status in (
            (f"{PATH}/{uuid4()}", b"{}", 404),
            (path[:-1], b"{}", 404),
            (path, b"rubbish", 400),
            (path, b'{"people": 7}', 422),
            (path, b"[" * 100_000, 413),
        ):
            answer = await web.post(where, content=body)
            assert (answer.status_code, MOBILE in answer.text) == (status, False), body[:20]
        assert (await web.post(path, json=other)).status_code == 422, "about somebody else"
        assert (await ledger(flow), flow.later()) == ([(None, 180_000)], [])
        assert (await web.post(path, json=PHONES)).json() == {"status": "accepted"}
        assert [dial(one) for one in flow.later()] == [MOBILE]


async def test_no_number_is_a_miss_which_is_kept_and_costs_the_credit_alone(
    flow: Flow, standin: StandIn, web: Client
) -> None:
    flow.config = config(standin)
    async with working(flow):
        path = await asked(flow, standin)
        assert (await web.post(path, json=brought())).json() == {"status": "accepted"}
        assert (await ledger(flow), await spent(flow)) == ([("no_match", 20_000)], 20_000)
        assert flow.later() == []
        await asked(flow, standin)
        assert len(standin.requests) == 1


async def test_whom_apollo_does_not_know_is_a_miss_at_once(
    flow: Flow, standin: StandIn, web: Client
) -> None:
    standin.reply = answering({"person": None})
    flow.config = config(standin)
    async with working(flow):
        path = await asked(flow, standin)
        assert await ledger(flow) == [("no_match", 20_000)]
        assert (await web.post(path, json=PHONES)).status_code == 404


async def test_brought_before_the_question_is_answered_it_is_in_the_revision_that_waits(
    flow: Flow, standin: StandIn, web: Client
) -> None:
    async def hasty(request: Request, writer: asyncio.StreamWriter) -> None:
        answer = await web.post(address(request), json=PHONES)
        assert answer.json() == {"status": "accepted"}
        await PERSON(request, writer)

    standin.reply = hasty
    flow.config = config(standin, wait=True)
    async with working(flow):
        assert await flow.take(captured_lead()) == []
        await eventually(lambda: no_jobs(flow), 30)
    (only,) = flow.later()
    assert (only.late, only.lead_revision, dial(only)) == (False, 1, MOBILE)
    assert await ledger(flow) == [("matched", 180_000)]


async def test_a_request_that_failed_may_have_reached_them(
    flow: Flow, standin: StandIn, web: Client
) -> None:
    standin.reply = drop
    flow.config = config(standin)
    async with working(flow):
        path = await asked(flow, standin)
        assert (await ledger(flow), await spent(flow)) == ([("error", 0)], 0)
        assert (await web.post(path, json=PHONES)).json() == {"status": "accepted"}
        assert (await ledger(flow), await spent(flow)) == ([("matched", 180_000)], 180_000)
        assert [dial(one) for one in flow.later()] == [MOBILE]


async def test_what_never_comes_is_given_up_and_its_money_with_it(
    flow: Flow, standin: StandIn, web: Client, late: Late
) -> None:
    flow.config = config(standin)
    async with working(flow):
        path = await asked(flow, standin)
        await late.forget()
        assert await ledger(flow) == [(None, 180_000)]
        await flow.pool.execute("update enrichment.promises set keep_until = now()")
        await flow.pool.execute("update enrichment.answers set expires_at = now()")
        await late.forget()
        assert (await ledger(flow), await spent(flow)) == ([("error", 180_000)], 180_000)
        assert (await web.post(path, json=PHONES)).status_code == 404
        await asked(flow, standin)
        assert len(standin.requests) == 2, "it may be asked again"
