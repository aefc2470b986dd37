"""A hand-raise, from the request to what an outside consumer with none of our code sees of it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.support.observer import Seen
from tests.support.pipeline import Pipeline, running
from tests.support.traffic import API, TYPEFORM, WEBSITE, Request, ask
from tests.support.world import World, world

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
# Design section 4, in its order; submission to CloudEvents attributes are in the headers.
FIELDS = {
    "assignment_id", "lead_id", "account_key", "role", "cycle", "attempt", "sequence", "status",
    "rep", "pool", "reason", "rule_path", "config_version", "tier", "score", "kind", "source",
    "channel", "motion", "lane", "submission_id", "held_until", "previous_rep_id", "received_at",
    "decided_at", "lead", "causation_id", "experiments", "offered_until", "diverted", "merged_into",
}  # fmt: skip
HEADERS = {
    "content-type", "ce_specversion", "ce_id", "ce_type", "ce_source", "ce_subject", "ce_time",
    "traceparent",
}  # fmt: skip


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """``up`` as it comes: no option at all."""
    with running(tmp_path_factory.mktemp("embedded") / "data") as started:
        assert started.up.line["broker"] == "embedded"
        yield started


@pytest.fixture(params=["embedded", pytest.param("apache", marks=pytest.mark.real_kafka)])
def either(request: pytest.FixtureRequest) -> Pipeline:
    """Each test on the in-process broker and on Apache Kafka."""
    name = "embedded" if request.param == "embedded" else "pipeline"
    started: Pipeline = request.getfixturevalue(name)
    return started


@pytest.fixture
def run() -> str:
    """Part of every address, so that tests on one installation meet different people."""
    return secrets.token_hex(4)


async def test_a_demo_request_is_seen_as_specified(either: Pipeline, run: str) -> None:
    before = datetime.now(UTC)
    async with world(either) as outside:
        person = f"dana@northwind-{run}.example"
        response = await outside.http.post(
            f"{either.up.http}/v1/leads",
            json={
                "kind": "demo_request",
                "email": f" Dana@Northwind-{run}.example ",
                "first_name": "Dana",
                "company": "Northwind",
                "job_title": "VP Sales",
                "country": "Germany",
                "message": "Grüße, please call",
                "form_id": "demo",
                "utm": {"source": "google", "medium": "cpc"},
            },
            headers={**either.up.headers, "traceparent": TRACE},
        )
        assert response.status_code == 200, response.text
        answer = response.json()
        assert answer.keys() == {"status", "submission_id"}
        assert answer["status"] == "accepted"
        seen = await outside.bus.first("assignments.v1", _of(answer["submission_id"]))
        current = await outside.bus.first("assignments.current.v1", _of(answer["submission_id"]))
    event = _is_as_specified(seen, before)
    assert event["submission_id"] == answer["submission_id"]
    assert event["account_key"] == f"northwind-{run}.example"
    assert (event["kind"], event["source"]) == ("demo_request", "api")
    assert (event["lane"], event["motion"], event["channel"]) == ("live", "inbound", "paid_search")
    assert event["lead"]["email"] == person
    assert event["lead"]["first_name"] == "Dana"
    assert event["lead"]["country"] == "DE"
    assert event["lead"]["message"] == "Grüße, please call"
    # The same bytes once more, under the lead's own key, for whoever comes late.
    assert current.value == seen.value
    assert current.key == event["lead_id"].encode()


def _is_as_specified(seen: Seen, before: datetime) -> dict[str, Any]:
    """Fields, envelope and key of a first assignment."""
    event: dict[str, Any] = json.loads(seen.value or b"")
    assert event.keys() == FIELDS
    names = [name for name, _ in seen.headers]
    assert sorted(names) == sorted(HEADERS), "each header once"
    assert seen.header("content-type") == "application/json"
    assert seen.header("ce_specversion") == "1.0"
    assert seen.header("ce_type") == "com.handraise.assignment.changed.v1"
    assert seen.header("ce_source") == "/handraise/routing"
    assert seen.header("ce_subject") == event["lead_id"]
    assert UUID(seen.header("ce_id") or "").version == 5
    assert (seen.header("traceparent") or "").split("-")[1] == TRACE.split("-")[1]
    assert seen.key == event["account_key"].encode()
    for name in ("assignment_id", "lead_id", "submission_id", "causation_id"):
        UUID(event[name])
    assert event["rep"].keys() == {"id", "name", "email", "external_ids"}
    assert event["score"].keys() == {"fit", "intent", "total"}
    assert event["score"]["total"] == event["score"]["fit"] + event["score"]["intent"]
    assert event["status"] == "assigned"
    assert event["tier"] in ("hot", "warm")
    assert (event["role"], event["cycle"], event["attempt"], event["sequence"]) == ("sdr", 1, 1, 1)
    assert event["held_until"] is None
    assert event["previous_rep_id"] is None
    assert event["pool"]
    assert event["rule_path"]
    assert event["config_version"]
    assert event["rep"]["name"] in event["reason"] or event["reason"].endswith(".")
    received, decided = (datetime.fromisoformat(event[n]) for n in ("received_at", "decided_at"))
    slack = timedelta(milliseconds=5)
    assert before - slack <= received <= decided <= datetime.now(UTC) + slack
    assert len(json.dumps(event["lead"])) <= 16 * 1024
    return event


@pytest.mark.parametrize("source", [TYPEFORM, WEBSITE])
async def test_a_vendors_form_reaches_a_rep(either: Pipeline, run: str, source: str) -> None:
    async with world(either) as outside:
        request = ask(run, 1, f"noor@{source.replace('_', '-')}-{run}.example", source)
        answer = await outside.attempt(request)
        assert (answer.status, answer.word) == (200, "accepted")
        seen = await outside.bus.first("assignments.v1", _of(answer.submission_id))
        event = json.loads(seen.value or b"")
        assert event["status"] == "assigned"
        assert event["source"] == source
        assert event["lead"]["email"] == request.person
        assert event["lead"]["job_title"] == "Head of Sales"
        assert event["submission_id"] == answer.submission_id
        await outside.settled()


@pytest.mark.parametrize("source", [API, TYPEFORM, WEBSITE])
async def test_a_retry_has_the_same_answer_and_no_second_end(
    either: Pipeline, run: str, source: str
) -> None:
    async with world(either) as outside:
        person = f"ada@again-{source.replace('_', '-')}-{run}.example"
        request = ask(run, 3, person, source)
        first = await outside.attempt(request)
        await outside.bus.first("assignments.v1", _of(first.submission_id))
        again = [await outside.attempt(request) for _ in range(3)]
        assert {answer.status for answer in (first, *again)} == {200}
        assert {answer.submission_id for answer in again} == {first.submission_id}
        assert {answer.word for answer in again} <= {"accepted", "duplicate"}
        # Whoever comes after the retries has been through every stage behind them.
        later = await outside.attempt(ask(run, 4, person, API, "pricing_request"))
        await outside.bus.first("assignments.v1", _of(later.submission_id))
        await outside.settled()
        told = _told(outside, person)
    assert [event["submission_id"] for event in told] == [first.submission_id, later.submission_id]
    # The same person asked again: the same owner, in the next event.
    assert [event["sequence"] for event in told] == [1, 2]
    assert [event["status"] for event in told] == ["assigned", "re_engaged"]
    assert told[0]["rep"] == told[1]["rep"]
    assert told[0]["assignment_id"] == told[1]["assignment_id"]


async def test_events_of_a_lead_follow_each_other_and_colleagues_share_an_owner(
    either: Pipeline, run: str
) -> None:
    domain = f"account-{run}.example"
    async with world(either) as outside:
        for number, name in enumerate(("mia", "ben", "mia", "mia", "ben")):
            request = ask(run, 10 + number, f"{name}@{domain}", API, _KINDS[number])
            answer = await outside.attempt(request)
            await outside.bus.first("assignments.v1", _of(answer.submission_id))
        await outside.settled()
        mia, ben = _told(outside, f"mia@{domain}"), _told(outside, f"ben@{domain}")
        places = {(seen.topic, seen.partition) for seen in _seen(outside, domain)}
    assert [event["sequence"] for event in mia] == [1, 2, 3]
    assert [event["sequence"] for event in ben] == [1, 2]
    assert len({event["rep"]["id"] for event in (*mia, *ben)}) == 1
    assert len({event["lead_id"] for event in (*mia, *ben)}) == 2
    assert len(places) == 1, "one account is one partition"


_KINDS = ("demo_request", "demo_request", "contact_sales", "pricing_request", "free_trial")


async def test_what_is_no_lead_is_accounted_for(either: Pipeline, run: str) -> None:
    """An unreadable body and a test end on quarantine.v1; a refused one ends nowhere."""
    async with world(either) as outside:
        broken = Request(WEBSITE, b'{"type": "lead.submitted", "data": ', "new", "", f"m1_{run}")
        trial = _trial(run)
        for request, disposition in ((broken, "quarantined"), (trial, "rejected")):
            answer = await outside.attempt(request)
            assert answer.status == 200
            seen = await outside.bus.first("quarantine.v1", _of(answer.submission_id))
            assert json.loads(seen.value or b"")["disposition"] == disposition
        nobody = Request(API, b'{"kind": "demo_request"}', "new", "")
        assert (await outside.attempt(nobody)).status == 422
        forged = ask(run, 5, f"eve@forged-{run}.example", WEBSITE)
        headers = forged.headers("", {WEBSITE: "whsec_bm90IHRoZSByaWdodCBzZWNyZXQgYXQgYWxs"})
        refused = await outside.http.post(
            f"{either.up.http}{forged.path}", content=forged.body, headers=headers
        )
        assert refused.status_code == 401
        await outside.settled()
        assert not _told(outside, forged.person)


def _trial(run: str) -> Request:
    made = ask(run, 6, f"test@trial-{run}.example", WEBSITE)
    document = json.loads(made.body)
    document["data"]["test"] = True
    return Request(WEBSITE, json.dumps(document).encode(), "new", made.person, made.message_id)


def _of(submission_id: str | None) -> Any:
    assert submission_id is not None

    def wanted(seen: Seen) -> bool:
        return bool(json.loads(seen.value or b"{}").get("submission_id") == submission_id)

    return wanted


def _seen(outside: World, word: str) -> list[Seen]:
    records = (
        one for one in outside.bus.of("assignments.v1") if word.encode() in (one.value or b"")
    )
    once = {record.header("ce_id"): record for record in records}
    return list(once.values())


def _told(outside: World, person: str) -> list[dict[str, Any]]:
    """What the bus says of a person, as it lies there, repeats left out."""
    return [json.loads(record.value or b"") for record in _seen(outside, person)]
