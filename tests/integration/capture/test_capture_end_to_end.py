"""From a request to the bus, on the in-process broker and embedded Postgres."""

from __future__ import annotations

import json

from schemas import topics
from tests.integration.capture.running import capture, outside
from tests.support.kafka import Broker

TYPEFORM = {
    "event_id": "01JTYP0000EVT",
    "event_type": "form_response",
    "form_response": {
        "form_id": "aB3dEf",
        "token": "tok_91f",
        "submitted_at": "2026-11-20T10:02:30Z",
        "hidden": {"utm_source": "newsletter", "utm_medium": "email"},
        "answers": [
            {"type": "email", "email": "Dana@Northwind.example", "field": {"ref": "work_email"}},
            {"type": "text", "text": "Dana Ruiz", "field": {"ref": "full_name"}},
            {"type": "phone_number", "phone_number": "+4930901820", "field": {"ref": "x"}},
            {"type": "choice", "choice": {"label": "201-500"}, "field": {"ref": "company_size"}},
        ],
    },
}


async def test_a_lead_of_the_api_is_captured_once_however_often_it_is_sent(
    postgres_dsn: str, mock_kafka: Broker
) -> None:
    async with capture(postgres_dsn, mock_kafka.settings) as it, outside(it.kafka) as bus:
        first = await it.lead("k1", kind="demo_request", email=" Dana@Northwind.example ")
        again = await it.lead("k1", kind="demo_request", email=" Dana@Northwind.example ")
        other = await it.lead("k1", kind="demo_request", email="erin@northwind.example")

        assert (first.status_code, first.json()["status"]) == (200, "accepted")
        assert again.json() == {**first.json(), "status": "duplicate"}
        assert other.status_code == 409
        submission = first.json()["submission_id"]
        await bus.until(lambda b: bool(b.about(submission)))
        [lead] = bus.about(submission)
        assert lead["lead"]["email"] == "dana@northwind.example"
        assert lead["lead"]["account_key"] == "northwind.example"
        assert (lead["touch"], lead["repeat"], lead["lane"]) == (1, "first", "live")
        assert bus.on(topics.QUARANTINE) == []


async def test_a_typeform_delivery_becomes_the_person_company_channel_and_kind(
    postgres_dsn: str, mock_kafka: Broker
) -> None:
    body = json.dumps(TYPEFORM).encode()
    async with capture(postgres_dsn, mock_kafka.settings) as it, outside(it.kafka) as bus:
        answer = await it.hook("typeform_demo", body)
        assert answer.status_code == 200
        await bus.until(lambda b: bool(b.on(topics.CAPTURED)))
        [lead] = bus.on(topics.CAPTURED)
        assert lead["submission_id"] == answer.json()["submission_id"]
        person = lead["lead"]
        assert (person["first_name"], person["last_name"]) == ("Dana", "Ruiz")
        assert (person["email"], person["phone"]) == ("dana@northwind.example", "+4930901820")
        assert (person["form_id"], person["fields"]) == ("aB3dEf", {"company_size": "201-500"})
        assert (lead["channel"], lead["kind"], lead["motion"]) == (
            "email",
            "demo_request",
            "inbound",
        )
        assert lead["submitted_at"] == "2026-11-20T10:02:30Z"


async def test_every_accepted_submission_has_one_outcome(
    postgres_dsn: str, mock_kafka: Broker
) -> None:
    async with capture(postgres_dsn, mock_kafka.settings) as it, outside(it.kafka) as bus:
        person = {"email": "kim@acme.example", "form_id": "f"}
        answers = [
            await it.lead("a", **person),
            await it.lead("b", **person),  # pressed twice
            await it.lead("c", email="kim@acme.example", form_id="g"),  # another form: returning
            await it.lead("d", email="t@acme.example", test=True),
            await it.lead("e", kind="prospect", email="p@acme.example"),
            await it.hook("website", b"this is not JSON"),
        ]
        ids = [answer.json()["submission_id"] for answer in answers]
        assert [answer.status_code for answer in answers] == [200] * 6
        await bus.until(lambda b: all(b.about(i) for i in ids))
        outcomes = [bus.about(i) for i in ids]
        assert [len(o) for o in outcomes] == [1] * 6
        repeats = [o[0].get("repeat") for o in outcomes]
        # Their delivery keys may lie on two partitions: whichever is read first is the first.
        assert sorted(repeats[:3]) == ["double_submit", "first", "returning"]
        assert [(o[0]["disposition"], o[0]["reason"]) for o in (outcomes[3], outcomes[5])] == [
            ("rejected", "test"),
            ("quarantined", "unparsable"),
        ]
        assert (outcomes[4][0]["lane"], outcomes[4][0]["motion"]) == ("bulk", "outbound")


async def test_a_retry_after_a_restart_is_no_second_submission(
    postgres_dsn: str, mock_kafka: Broker
) -> None:
    async with capture(postgres_dsn, mock_kafka.settings) as it, outside(it.kafka) as bus:
        first = await it.lead("k", email="a@b.example")
        await bus.until(lambda b: bool(b.on(topics.CAPTURED)))
    async with capture(postgres_dsn, mock_kafka.settings, key=it.key) as it:
        again = await it.lead("k", email="a@b.example")
        assert again.json() == {**first.json(), "status": "duplicate"}
