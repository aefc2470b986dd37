"""Whatever a provider does, a question ends in time and with the right outcome."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest

from services.enrichment.plan import questions
from services.enrichment.providers.contract import Outcome, Question
from services.enrichment.providers.http_client import HttpClient
from services.enrichment.providers.settings import HttpProvider
from tests.integration.enrichment.standin import (
    COMPANY,
    Reply,
    StandIn,
    answering,
    drop,
    flood,
    hang,
    in_turn,
    slowly,
)
from tests.support.waiting import PATIENCE


@pytest.fixture
async def standin() -> AsyncIterator[StandIn]:
    async with StandIn(answering()) as server:
        yield server


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False) as opened:
        yield opened


def _made(config: HttpProvider, client: httpx.AsyncClient) -> HttpClient:
    return HttpClient("standin", config, "s3cret", client, lambda: datetime.now(UTC))


def _question(standin: StandIn, domain: str = "acme.example") -> Question:
    config = standin.config()
    (found,) = questions(config, frozenset({"headcount"}), {"domain": domain}, frozenset())
    return found


async def test_a_match_gives_values_with_provenance_and_their_share_of_the_price(
    standin: StandIn, client: httpx.AsyncClient
) -> None:
    answer = await _made(standin.provider(), client).ask(_question(standin))
    assert answer.outcome is Outcome.MATCHED
    headcount = answer.values["headcount"]
    assert (headcount.value, headcount.source) == (640, "provider:standin")
    assert (headcount.confidence, headcount.cost) == (0.8, 0.01)
    (request,) = standin.requests
    assert request.line == "GET /v1/companies?domain=acme.example HTTP/1.1"
    assert request.headers["authorization"] == "Bearer s3cret"
    assert request.headers["accept-encoding"] == "identity"


async def test_what_is_asked_about_cannot_change_the_question(
    standin: StandIn, client: httpx.AsyncClient
) -> None:
    hostile = "acme.example/../../admin?x=1&domain=y\r\nx: y"
    await _made(standin.provider(), client).ask(_question(standin, hostile))
    (request,) = standin.requests
    assert request.line.startswith("GET /v1/companies?domain=acme.example%2F..")
    assert "x" not in request.headers


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (answering({}, 404), Outcome.NO_MATCH),
        (answering({}), Outcome.NO_MATCH),
        (answering({"company": {"headcount": None, "industry": ""}}), Outcome.NO_MATCH),
        (answering({"company": {**COMPANY["company"], "domain": "x.example"}}), Outcome.NO_MATCH),
        (answering({}, 429), Outcome.RATE_LIMITED),
        (answering({}, 402), Outcome.QUOTA),
        (answering({}, 401), Outcome.ERROR),
        (answering({}, 500), Outcome.ERROR),
        (answering({}, 302, extra="location: http://127.0.0.1:1/\r\n"), Outcome.ERROR),
        (answering(body=b"<html>"), Outcome.ERROR),
        (answering(body=b"\xff\xfe"), Outcome.ERROR),
        (answering(body=b"[" * 100_000), Outcome.ERROR),
        (answering(body=b'{"company": NaN}'), Outcome.ERROR),
        (answering([1, 2, 3]), Outcome.NO_MATCH),
        (
            answering(body=gzip.compress(b" " * 10_000_000), extra="content-encoding: gzip\r\n"),
            Outcome.ERROR,
        ),
        (drop, Outcome.ERROR),
        (flood, Outcome.ERROR),
        (hang, Outcome.ERROR),
    ],
)
async def test_each_fault_has_its_outcome(
    standin: StandIn, client: httpx.AsyncClient, reply: Reply, outcome: Outcome
) -> None:
    standin.reply = reply
    began = time.monotonic()
    patience = 300 if reply is hang else 10_000
    answer = await _made(standin.provider(timeout_ms=patience), client).ask(_question(standin))
    assert answer.outcome is outcome
    assert answer.values == {}
    assert "s3cret" not in answer.detail
    assert time.monotonic() - began < PATIENCE * 2


@pytest.mark.parametrize(
    "headcount", [-5, 0, 1e12, "many", "51-200", True, 12.5, [], {"a": 1}, "9" * 5000]
)
async def test_a_lie_is_no_value(
    standin: StandIn, client: httpx.AsyncClient, headcount: object
) -> None:
    standin.reply = answering({"company": {"headcount": headcount, "domain": "acme.example"}})
    answer = await _made(standin.provider(), client).ask(_question(standin))
    assert answer.values == {}
    assert answer.outcome is Outcome.ERROR


async def test_one_lie_does_not_spoil_the_rest(standin: StandIn, client: httpx.AsyncClient) -> None:
    company = {"headcount": "640", "industry": "x\x00y", "domain": "www.acme.example"}
    standin.reply = answering({"company": company})
    answer = await _made(standin.provider(), client).ask(_question(standin))
    assert {name: value.value for name, value in answer.values.items()} == {"headcount": 640}
    assert "industry" in answer.detail


async def test_a_server_error_is_tried_again_and_a_refusal_is_not(
    standin: StandIn, client: httpx.AsyncClient
) -> None:
    standin.reply = in_turn(answering({}, 503), answering())
    assert (await _made(standin.provider(), client).ask(_question(standin))).values
    assert len(standin.requests) == 2
    standin.reply = answering({}, 401)
    await _made(standin.provider(), client).ask(_question(standin))
    assert len(standin.requests) == 3


async def test_a_vendor_may_mean_other_things_by_its_statuses(
    standin: StandIn, client: httpx.AsyncClient
) -> None:
    """Hunter says 403 when a rate is exceeded and 429 when the plan is used up."""
    config = standin.provider(statuses={403: "rate_limited", 429: "quota"})
    standin.reply = answering({}, 403)
    assert (await _made(config, client).ask(_question(standin))).outcome is Outcome.RATE_LIMITED
    standin.reply = answering({}, 429)
    assert (await _made(config, client).ask(_question(standin))).outcome is Outcome.QUOTA


async def test_who_says_enough_is_left_alone_for_a_while(
    standin: StandIn, client: httpx.AsyncClient
) -> None:
    standin.reply = answering({}, 402)
    provider = _made(standin.provider(), client)
    outcomes = [(await provider.ask(_question(standin))).outcome for _ in range(3)]
    assert outcomes == [Outcome.QUOTA] * 3
    assert len(standin.requests) == 1
    standin.reply = answering({}, 429, extra="retry-after: 30\r\n")
    provider = _made(standin.provider(), client)
    outcomes = [(await provider.ask(_question(standin))).outcome for _ in range(3)]
    assert outcomes == [Outcome.RATE_LIMITED] * 3
    assert len(standin.requests) == 2


async def test_a_demo_request_gets_the_next_turn(
    standin: StandIn, client: httpx.AsyncClient
) -> None:
    config = standin.provider(rate={"calls": 1, "seconds": 0.05}, timeout_ms=10_000)
    provider = _made(config, client)
    done: list[int] = []

    async def ask(urgency: int) -> None:
        await provider.ask(_question(standin, f"c{urgency}.example"), urgency=urgency)
        done.append(urgency)

    async with asyncio.TaskGroup() as group:
        for _ in range(5):
            group.create_task(ask(1))
        await asyncio.sleep(0)
        group.create_task(ask(0))
    assert done.index(0) <= 2


async def test_a_provider_that_fails_is_left_alone_and_comes_back(
    standin: StandIn, client: httpx.AsyncClient
) -> None:
    config = standin.provider(attempts=1, breaker={"failures": 3, "seconds": 0.2})
    provider, question = _made(config, client), _question(standin)
    standin.reply = answering({}, 500)
    outcomes = [(await provider.ask(question)).outcome for _ in range(5)]
    assert outcomes == [Outcome.ERROR] * 3 + [Outcome.BREAKER_OPEN] * 2
    assert len(standin.requests) == 3
    standin.reply = answering()
    async with asyncio.timeout(5):
        while (await provider.ask(question)).outcome is Outcome.BREAKER_OPEN:
            await asyncio.sleep(0.02)
    assert (await provider.ask(question)).outcome is Outcome.MATCHED


async def test_silence_opens_the_breaker_too(standin: StandIn, client: httpx.AsyncClient) -> None:
    standin.reply = hang
    config = standin.provider(timeout_ms=50, breaker={"failures": 2, "seconds": 60})
    provider, question = _made(config, client), _question(standin)
    outcomes = [(await provider.ask(question)).outcome for _ in range(3)]
    assert outcomes == [Outcome.ERROR, Outcome.ERROR, Outcome.BREAKER_OPEN]


async def test_a_clean_miss_is_no_failure(standin: StandIn, client: httpx.AsyncClient) -> None:
    standin.reply = answering({}, 404)
    provider = _made(standin.provider(breaker={"failures": 1, "seconds": 60}), client)
    outcomes = {(await provider.ask(_question(standin))).outcome for _ in range(3)}
    assert outcomes == {Outcome.NO_MATCH}


async def test_our_own_rate_limit_ends_within_the_time_out(
    standin: StandIn, client: httpx.AsyncClient
) -> None:
    config = standin.provider(rate={"calls": 2, "seconds": 60}, timeout_ms=1000)
    provider, question = _made(config, client), _question(standin)
    began = time.monotonic()
    outcomes = [(await provider.ask(question)).outcome for _ in range(3)]
    assert outcomes == [Outcome.MATCHED, Outcome.MATCHED, Outcome.RATE_LIMITED]
    assert len(standin.requests) == 2
    assert time.monotonic() - began < 10.0


async def test_a_rush_that_waits_for_our_own_rate_does_not_make_a_good_provider_look_bad(
    standin: StandIn, client: httpx.AsyncClient
) -> None:
    standin.reply = slowly(1, answering())
    config = standin.provider(rate={"calls": 10, "seconds": 1}, timeout_ms=5000)
    provider = _made(config, client)
    rush = [provider.ask(_question(standin)) for _ in range(60)]
    outcomes = {answer.outcome for answer in await asyncio.gather(*rush)}
    assert outcomes == {Outcome.MATCHED, Outcome.RATE_LIMITED}
