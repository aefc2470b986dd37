"""What senders hear, whatever they send."""

from __future__ import annotations

import json
import time
from typing import Any
from uuid import UUID

import pytest

from schemas import topics
from schemas.base import Lane
from services.capture import config
from services.capture.release import NotReleased, release
from services.runtime.configstore import read_folder
from tests.integration.capture.running import CONFIG, SECRETS, Capture, capture, outside
from tests.support.kafka import Broker
from tests.support.waiting import eventually

HOSTILE = [
    b"",
    b"null",
    b"[]",
    b"{",
    b'{"email":"a@b.example","email":"c@d.example"}',
    b'{"email":"a@b.example\\u0000"}',
    b'{"email":"\\ud800@b.example"}',
    b'{"email":"a@b.example","fields":{"n":' + b"9" * 6_000 + b"}}",
    b'{"email":"a@b.example","fields":{"n":1e999}}',
    b'{"email":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    b"\xff\xfe\x00e",
    '{"email":"ä@b.example","first_name":"Zoë"}'.encode("latin-1"),
    b'{"email":["a@b.example"]}',
    b'{"email":"a@b.example","fields":' + b'{"x":"' + b"y" * 3_000 + b'"}}',
    b'{"email":"a@b.example","submitted_at":"2026-11-23"}',
    b'{"email":"a@b.example","consent":[{}]}',
]


async def post(it: Capture, body: bytes, **headers: str) -> Any:
    given = {"content-type": "application/json"}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    return await it.http.post("/v1/leads", content=body, headers=given)


async def test_hostile_bodies_are_problem_documents_or_kept_with_their_bytes(
    postgres_dsn: str, mock_kafka: Broker
) -> None:
    async with capture(postgres_dsn, mock_kafka.settings) as it, outside(it.kafka) as bus:
        for body in HOSTILE:
            answer = await post(it, body)
            assert answer.status_code in (400, 422), body[:60]
            assert answer.headers["content-type"] == "application/problem+json"
            assert "a@b" not in answer.text
        hooks = [await it.hook("website", body) for body in HOSTILE]
        assert [answer.status_code for answer in hooks] == [200] * len(HOSTILE)
        ids = {answer.json()["submission_id"] for answer in hooks}
        await bus.until(lambda b: ids <= {q["submission_id"] for q in b.on(topics.QUARANTINE)})
        rows = await it.rows("select reason, submission from capture.quarantine")
        assert {row["reason"] for row in rows} == {"unparsable"}


async def test_faults_are_named_and_limits_kept(postgres_dsn: str, mock_kafka: Broker) -> None:
    async with capture(postgres_dsn, mock_kafka.settings) as it:
        unknown = await it.lead(email="a@b.example", contry="DE")
        assert unknown.status_code == 422
        assert unknown.json()["errors"] == [{"field": "contry", "message": "is not a known field"}]
        assert (await it.lead(company="Acme")).status_code == 422
        for field, wrong in {"email": "a at b", "phone": "12", "kind": "demo"}.items():
            answer = await it.lead(**{field: wrong})
            assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
        good = await it.lead(email="a@b.example", phone="12")
        while good.status_code == 503:  # a busy machine; senders come again, too
            good = await it.lead(email="a@b.example", phone="12")
        assert good.status_code == 200
        assert (await post(it, b"x" * 70_000)).status_code == 413
        assert (await it.hook("website", b"x" * 70_000)).status_code == 413
        assert (await post(it, b"<lead/>", content_type="text/xml")).status_code == 415
        assert (await post(it, b"{}", content_encoding="gzip")).status_code == 415
        latin = "application/json; charset=latin-1"
        assert (await post(it, b"{}", content_type=latin)).status_code == 415
        assert (
            await post(it, b'{"phone":"+4930901820"}', idempotency_key="x" * 300)
        ).status_code == 400
        assert (await it.http.post("/v1/leads", headers={"authorization": ""})).status_code == 401


async def test_nobody_learns_which_sources_exist(postgres_dsn: str, mock_kafka: Broker) -> None:
    async with capture(postgres_dsn, mock_kafka.settings) as it:
        body = b'{"type":"lead.created","data":{"email":"a@b.example"}}'
        answers = [
            await it.hook("website", body, secret=b"wrong"),
            await it.hook("website", body, at=time.time() - 400),
            await it.hook("no_such_source", body),
            await it.hook("api", body),
            await it.http.post("/hooks/website", content=body),
            await it.http.get("/hooks/website"),
            await it.http.get("/hooks/no_such_source"),
        ]
        told = {(a.status_code, a.text, a.headers["content-type"]) for a in answers}
        assert len(told) == 1
        assert answers[0].status_code == 401

        async def kept() -> bool:
            return len(await it.rows("select 1 from capture.quarantine")) == 5

        await eventually(kept)
        [row] = await it.rows(
            "select count(*), min(expires_at - created_at) = interval '7 days' as week"
            " from capture.quarantine where reason = 'bad_signature' and submission_id is null"
        )
        assert row == {"count": 5, "week": True}


async def test_a_request_refused_for_a_wrong_secret_is_released_once_it_is_mended(
    postgres_dsn: str, mock_kafka: Broker
) -> None:
    async with capture(postgres_dsn, mock_kafka.settings) as it, outside(it.kafka) as bus:
        body = b'{"type":"lead.created","data":{"email":"a@b.example"}}'
        at = time.time()
        refused = await it.hook("website", body, secret=b"the secret of tomorrow", at=at)
        assert refused.status_code == 401
        await bus.until(lambda b: bool(b.on(topics.QUARANTINE)))
        [event] = bus.on(topics.QUARANTINE)
        assert (event["submission_id"], event["reason"]) == (None, "bad_signature")

        with pytest.raises(NotReleased, match="still wrong"):
            await released(it, event["quarantine_id"], SECRETS)
        mended = {**SECRETS, "WEBSITE": [b"the secret of tomorrow"]}
        [submission] = await released(it, event["quarantine_id"], mended)
        await bus.until(lambda b: bool(b.on(topics.CAPTURED)))
        [lead] = bus.on(topics.CAPTURED)
        assert lead["submission_id"] == submission
        assert lead["received_at"] == event["submission"]["received_at"]
        with pytest.raises(NotReleased, match="was released at"):
            await released(it, event["quarantine_id"], mended)


async def test_a_secret_shown_openly_is_not_kept_and_can_be_mended_none_the_less(
    postgres_dsn: str, mock_kafka: Broker
) -> None:
    right = "the secret of tomorrow"
    async with capture(postgres_dsn, mock_kafka.settings) as it, outside(it.kafka) as bus:
        await it.http.post(
            "/hooks/other_form", params={"token": right}, json={"contact": {"email": "a@b.example"}}
        )
        await it.http.post(
            "/hooks/partner_events",
            json={"email": "c@d.example"},
            headers={
                "authorization": f"Bearer {right}",
                "ce-specversion": "1.0",
                "ce-id": "1",
                "ce-source": "/x",
                "ce-type": "lead.created",
            },
        )
        await bus.until(lambda b: len(b.on(topics.QUARANTINE)) == 2)
        mended = {**SECRETS, "OTHER_FORM": [b"x"], "PARTNER_EVENTS": [right.encode()]}
        for event in bus.on(topics.QUARANTINE):
            assert right not in str(event)
        by_source = {event["source"]: event["quarantine_id"] for event in bus.on(topics.QUARANTINE)}
        with pytest.raises(NotReleased, match="still wrong"):
            await released(it, by_source["other_form"], mended)
        mended["OTHER_FORM"] = [b"x", right.encode()]
        for quarantine_id in by_source.values():
            await released(it, quarantine_id, mended)
        await bus.until(lambda b: len(b.on(topics.CAPTURED)) == 2)
        emails = {lead["lead"]["email"] for lead in bus.on(topics.CAPTURED)}
        assert emails == {"a@b.example", "c@d.example"}


async def test_what_a_person_releases_goes_through(postgres_dsn: str, mock_kafka: Broker) -> None:
    async with capture(postgres_dsn, mock_kafka.settings) as it, outside(it.kafka) as bus:
        first = await it.hook("typeform_demo", typeform("one@b.example"))
        conflict = await it.hook("typeform_demo", typeform("two@b.example"))
        test = await it.lead(email="t@b.example", test=True, kind="prospect")
        ids = [answer.json()["submission_id"] for answer in (first, conflict, test)]
        await bus.until(lambda b: all(b.about(i) for i in ids))
        aside = {q["reason"]: q["quarantine_id"] for q in bus.on(topics.QUARANTINE)}
        assert set(aside) == {"conflict", "test"}
        for quarantine_id in aside.values():
            await released(it, quarantine_id, SECRETS)
        await bus.until(lambda b: len(b.about(ids[1])) == len(b.about(ids[2])) == 2)
        two, tested = bus.about(ids[1])[1], bus.about(ids[2])[1]
        assert two["lead"]["email"] == "two@b.example"
        assert (tested["lead"]["email"], tested["lane"]) == ("t@b.example", "bulk")


async def released(it: Capture, quarantine_id: str, secrets: Any) -> list[str]:
    outbox = it.ctx.outbox("capture", Lane.LIVE)
    async with it.ctx.control.acquire() as conn, conn.transaction():
        found = await release(
            conn,
            outbox,
            UUID(quarantine_id),
            by="test",
            config=config.parse(read_folder(CONFIG)),
            secrets=secrets,
            key=SECRETS["INSTALLATION"][0],
        )
    return [str(one) for one in found.submission_ids]


def typeform(email: str) -> bytes:
    answer = {"type": "email", "email": email, "field": {"ref": "work_email"}}
    response = {"form_id": "f", "token": "t", "answers": [answer]}
    event = {"event_id": "one", "event_type": "form_response", "form_response": response}
    return json.dumps(event).encode()
