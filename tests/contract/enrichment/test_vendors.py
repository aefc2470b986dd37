"""Vendors' formats and faults become values and outcomes; with a key, the vendors themselves do."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from pydantic import TypeAdapter

from services.enrichment.config import EnrichmentFile, resolve
from services.enrichment.plan import questions
from services.enrichment.providers.catalog import Remote, endpoints_of
from services.enrichment.providers.contract import Answer, Outcome, Question
from services.enrichment.providers.http_client import HttpClient
from services.enrichment.providers.settings import ProviderSettings
from tests.contract.enrichment.vendors import CASES, SECRET, Case
from tests.integration.enrichment.standin import StandIn, answering, drop, flood, hang, in_turn

_FIELDS = {
    "hunter.email_verifier": "email_status",
    "people_data_labs.person": "linkedin_url seniority",
    "apollo.person": "seniority",
    "abstract.email": "email_status",
    "ipinfo.lite": "country",
}
every_vendor = pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)


@pytest.fixture
async def standin() -> AsyncIterator[StandIn]:
    async with StandIn(answering()) as server:
        yield server


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False) as opened:
        yield opened


def _settings(case: Case, **changes: Any) -> Remote:
    values = {"type": case.vendor, "secret": "KEY", "rate": {"calls": 1000}, **changes}
    found: Remote = TypeAdapter(ProviderSettings).validate_python(values)
    return found


def _question(case: Case, settings: Remote, about: dict[str, str]) -> Question:
    fields = _FIELDS.get(case.id, "headcount").split()
    file = {
        "fields": {field: {"waterfall": ["vendor"]} for field in fields},
        "providers": {"vendor": settings.model_dump()},
    }
    config = resolve(EnrichmentFile.model_validate(file))
    found = questions(config, frozenset(fields), about, frozenset())
    return next(one for one in found if one.endpoint == case.endpoint)


async def _ask(
    case: Case, standin: StandIn, client: httpx.AsyncClient, **changes: Any
) -> tuple[Answer, float]:
    """The answer, and what it cost."""
    address = f"{standin.url}"
    settings = _settings(case, address=address, **{"timeout_ms": 10_000, **changes})
    provider = HttpClient("vendor", settings, SECRET, client, lambda: datetime.now(UTC))
    answer = await provider.ask(_question(case, settings, case.about))
    endpoint = endpoints_of(settings)[case.endpoint]
    return answer, endpoint.prices.get(answer.outcome, 0.0)


@every_vendor
async def test_a_match_in_the_vendors_own_format(
    case: Case, standin: StandIn, client: httpx.AsyncClient
) -> None:
    standin.reply = answering(case.hit)
    answer, _ = await _ask(case, standin, client)
    assert answer.outcome is Outcome.MATCHED, answer.detail
    assert {name: value.value for name, value in answer.values.items()} == case.values
    (request,) = standin.requests
    assert request.line.startswith(case.line), request.line
    if case.signed:
        name, value = case.signed
        assert request.headers[name] == value
        assert SECRET not in request.line


@every_vendor
async def test_a_clean_miss_and_what_it_costs(
    case: Case, standin: StandIn, client: httpx.AsyncClient
) -> None:
    status, document = case.miss
    standin.reply = answering(document, status)
    answer, cost = await _ask(case, standin, client)
    assert (answer.outcome, answer.values) == (Outcome.NO_MATCH, {})
    assert (cost == 0) is case.miss_is_free


@every_vendor
async def test_a_rate_limit_is_no_quota(
    case: Case, standin: StandIn, client: httpx.AsyncClient
) -> None:
    """Hunter's 403 and 429 are the reverse of everybody else's."""
    for status, outcome in (
        (case.limited, Outcome.RATE_LIMITED),
        (case.used_up, Outcome.QUOTA),
    ):
        standin.reply = answering({}, status)
        answer, cost = await _ask(case, standin, client)
        assert (answer.outcome, cost) == (outcome, 0)


@every_vendor
@pytest.mark.parametrize("status", [401, 400, 500, 503, 302])
async def test_a_fault_is_an_error(
    case: Case, standin: StandIn, client: httpx.AsyncClient, status: int
) -> None:
    standin.reply = answering({"error": f"key {SECRET} is wrong"}, status)
    answer, _ = await _ask(case, standin, client, attempts=1)
    assert answer.outcome is Outcome.ERROR
    assert SECRET not in answer.detail


@every_vendor
@pytest.mark.parametrize(
    "document", [[], "x", 7, None, {}, {"data": []}, {"data": "x"}, {"person": 5}], ids=repr
)
async def test_an_answer_of_another_form_is_no_match_and_no_crash(
    case: Case, standin: StandIn, client: httpx.AsyncClient, document: object
) -> None:
    standin.reply = answering(document)
    answer, _ = await _ask(case, standin, client)
    assert answer.outcome in (Outcome.ERROR, Outcome.NO_MATCH)
    assert answer.values == {}


@every_vendor
@pytest.mark.parametrize("reply", [drop, flood, hang], ids=["drop", "flood", "hang"])
async def test_time_and_size_have_an_end(
    case: Case, standin: StandIn, client: httpx.AsyncClient, reply: Any
) -> None:
    standin.reply = reply
    answer, _ = await _ask(case, standin, client, timeout_ms=200)
    assert answer.outcome is Outcome.ERROR


@every_vendor
async def test_a_broken_answer_is_asked_for_again(
    case: Case, standin: StandIn, client: httpx.AsyncClient
) -> None:
    standin.reply = in_turn(answering({}, 502), answering(case.hit))
    answer, _ = await _ask(case, standin, client)
    assert answer.outcome is Outcome.MATCHED


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("valid", "valid"), ("invalid", "invalid"), ("accept_all", "accept_all"),
        ("disposable", "disposable"), ("webmail", "valid"), ("unknown", None), ("new word", None),
    ],
)  # fmt: skip
async def test_hunters_words_for_an_address(
    standin: StandIn, client: httpx.AsyncClient, status: str, expected: str | None
) -> None:
    standin.reply = answering({"data": {"status": status}})
    answer, _ = await _ask(CASES[0], standin, client)
    found = answer.values.get("email_status")
    assert (found.value if found else None) == expected


async def test_another_company_than_the_one_asked_about_is_a_miss(
    standin: StandIn, client: httpx.AsyncClient
) -> None:
    case = next(one for one in CASES if one.id == "apollo.company")
    other = {"organization": {**case.hit["organization"], "primary_domain": "other.example"}}
    standin.reply = answering(other)
    answer, _ = await _ask(case, standin, client)
    assert answer.outcome is Outcome.NO_MATCH


async def test_a_free_plan_of_people_data_labs_says_only_that_there_is_a_number(
    standin: StandIn, client: httpx.AsyncClient
) -> None:
    case = next(one for one in CASES if one.id == "people_data_labs.person")
    standin.reply = answering({**case.hit, "data": {**case.hit["data"], "mobile_phone": True}})
    answer, _ = await _ask(case, standin, client)
    assert "direct_dial" not in answer.values
    assert answer.values["seniority"].confidence == 0.9


@every_vendor
async def test_the_vendor_itself(case: Case, client: httpx.AsyncClient) -> None:
    key = os.environ.get(f"HANDRAISE_VENDOR_KEY_{case.vendor.upper()}")
    if not key:
        pytest.skip(f"HANDRAISE_VENDOR_KEY_{case.vendor.upper()} is not set")
    settings = _settings(case, timeout_ms=20_000, rate=None)
    provider = HttpClient("vendor", settings, key, client, lambda: datetime.now(UTC))
    answer = await provider.ask(_question(case, settings, case.live))
    assert answer.outcome in (Outcome.MATCHED, Outcome.NO_MATCH), answer.detail
    wrong = HttpClient("vendor", settings, "wrong", client, lambda: datetime.now(UTC))
    refused = await wrong.ask(_question(case, settings, case.live))
    assert refused.outcome is Outcome.ERROR
