"""Events that carry ids only: the person is read from the vendor, and every submission has one
end."""

from __future__ import annotations

import json
import time
from asyncio import timeout
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from shutil import copytree
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer

from schemas import topics
from schemas.submission import SubmissionReceived
from services.capture.adapters import hubspot
from services.capture.adapters.base import HookRequest
from services.capture.events import submission_output
from services.runtime import dead_letters
from services.runtime.settings import Secrets
from tests.integration.capture.running import SECRETS, Capture, Outside, capture, outside
from tests.integration.capture.vendor import TOKEN, Reply, Vendor
from tests.support.kafka import Broker

DANA = {"email": "dana@northwind.example", "firstname": "Dana", "company": "Northwind"}
KEY = b"the app's client secret"
WITH_TOKENS = Secrets({**SECRETS, "HUBSPOT": [KEY], "HUBSPOT_TOKEN": [TOKEN]})
LETTERS = topics.SUBMISSIONS.dead_letters("capture")
HOOK = "/hooks/hubspot_app"


def event(contact: int, number: int = 311, attempt: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "eventId": number,
        "subscriptionId": 77,
        "portalId": 4242,
        "occurredAt": 1763632800000,
        "subscriptionType": "contact.creation",
        "attemptNumber": attempt,
        "objectId": contact,
        "changeSource": "FORM",
        **more,
    }


async def send(it: Capture, *events: dict[str, Any]) -> dict[str, Any]:
    body = json.dumps(events).encode()
    signed = hubspot.sign(HookRequest("POST", HOOK, {}, {}, body), KEY, time.time())
    answer = await it.http.post(HOOK, content=body, headers=dict(signed.headers))
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@asynccontextmanager
async def fetching(
    dsn: str, broker: Broker, vendor: Vendor, folder: Path, secrets: Secrets = WITH_TOKENS
) -> AsyncIterator[tuple[Capture, Outside]]:
    """Capture, with the vendor's stand-in as HubSpot's API."""
    copytree("deploy/config", folder, dirs_exist_ok=True)
    file = folder / "sources.yaml"
    text = file.read_text().replace(
        "token: HUBSPOT_TOKEN", f"token: HUBSPOT_TOKEN\n      base_url: {vendor.url}"
    )
    file.write_text(text)
    running = capture(dsn, broker.settings, config=folder, secrets=secrets)
    async with running as it, outside(it.kafka) as bus:
        yield it, bus


async def letters(it: Capture, count: int) -> list[dead_letters.DeadLetter]:
    """The dead letters of submissions, once there are that many."""
    async with timeout(30):
        while len(found := [x async for x in dead_letters.read(it.kafka, [LETTERS])]) < count:
            pass
    return found


def of(submission: str) -> str:
    return f"submission_id = '{submission}'"


async def until_stored(it: Capture, *submissions: str) -> None:
    """Until the stage stored the job of each."""
    async with timeout(30):
        for one in submissions:
            while not await it.rows(f"select 1 from capture.fetches where {of(one)}"):
                pass


@pytest.mark.parametrize(
    "fault",
    [
        None,
        Reply(401),
        Reply(429, headers={"retry-after": "2"}),
    ],
    ids=lambda fault: "at once" if fault is None else str(fault.status),
)
async def test_a_person_is_read_after_a_fault_and_captured_once(
    postgres_dsn: str, mock_kafka: Broker, tmp_path: Path, fault: Reply | None
) -> None:
    async with Vendor().listening() as vendor:
        vendor.contacts["50501"] = DANA
        vendor.faults = [fault] if fault else []
        async with fetching(postgres_dsn, mock_kafka, vendor, tmp_path) as (it, bus):
            submission = (await send(it, event(50501)))["submission_id"]
            await bus.until(lambda b: bool(b.about(submission)))
            await bus.take()
            [lead] = bus.about(submission)
            assert lead["lead"]["email"] == "dana@northwind.example"
            assert lead["lead"]["external_id"] == "50501"
            assert (lead["touch"], lead["repeat"]) == (1, "first")
            assert len(vendor.asked) == (2 if fault else 1)
            if fault is not None and fault.status == 429:
                (_, first), (_, second) = vendor.asked
                assert second - first >= 2


async def test_a_batch_a_retry_and_what_is_no_lead(
    postgres_dsn: str, mock_kafka: Broker, tmp_path: Path
) -> None:
    async with Vendor().listening() as vendor:
        vendor.contacts = {"1": DANA, "2": {"email": "erin@fabrikam.example"}}
        async with fetching(postgres_dsn, mock_kafka, vendor, tmp_path) as (it, bus):
            both = (event(1, 1), event(2, 2), event(3, 3, subscriptionType="contact.deletion"))
            first = await send(it, *both)
            again = await send(it, *({**one, "attemptNumber": 1} for one in reversed(both)))
            assert set(first["submission_ids"]) == set(again["submission_ids"])
            await bus.until(lambda b: all(b.about(one) for one in first["submission_ids"]))
            await it.rows("delete from capture.spool")
            await send(it, event(1, 4, subscriptionType="contact.creation"))  # the same person
            await bus.until(lambda b: len(b.on(topics.CAPTURED)) == 3)
            assert [len(bus.about(one)) for one in first["submission_ids"]] == [1, 1, 1]
            [rejected] = bus.on(topics.QUARANTINE)
            assert (rejected["disposition"], rejected["reason"]) == ("rejected", "ignored_event")
            assert sorted(path[-2:] for path, _ in vendor.asked) == ["/1", "/1", "/2"]


async def test_what_nobody_knows_is_a_dead_letter_that_can_be_put_back(
    postgres_dsn: str, mock_kafka: Broker, tmp_path: Path
) -> None:
    async with Vendor().listening() as vendor:
        vendor.faults = [Reply(410)]
        async with fetching(postgres_dsn, mock_kafka, vendor, tmp_path) as (it, bus):
            submission = (await send(it, event(50501)))["submission_id"]
            [letter] = await letters(it, 1)
            assert (letter.reason, letter.stage) == ("fetch_missing", "capture.fetch")
            await bus.until(lambda b: bool(b.on(topics.SUBMISSIONS)))
            [received] = bus.on(topics.SUBMISSIONS)
            assert json.loads(letter.value) == received
            assert letter.origin_topic == topics.SUBMISSIONS.name
            assert received["submission_id"] == submission

            vendor.contacts["50501"] = DANA
            back = dead_letters.replay_of(letter)
            async with AIOKafkaProducer(bootstrap_servers=it.kafka.bootstrap_servers) as producer:
                for _ in range(2):  # a second press of the same button
                    await producer.send_and_wait(
                        back.topic, back.value, key=back.key, headers=list(back.headers)
                    )
            await bus.until(lambda b: bool(b.about(submission)))
            await bus.take(500)
            assert {lead["lead"]["email"] for lead in bus.about(submission)} == {DANA["email"]}
            assert await it.rows("select touches from capture.leads") == [{"touches": 1}]
            assert len(await letters(it, 1)) == 1
            assert len(vendor.asked) == 2


async def test_a_vendor_that_refuses_for_good_and_one_that_is_too_late(
    postgres_dsn: str, mock_kafka: Broker, tmp_path: Path
) -> None:
    async with Vendor().listening() as vendor:
        # Each contact has its own fault: whichever is asked first, each hears the same.
        vendor.always = {"1": Reply(401), "2": Reply(503)}
        async with fetching(postgres_dsn, mock_kafka, vendor, tmp_path) as (it, bus):
            refused = (await send(it, event(1, 1)))["submission_id"]
            late = (await send(it, event(2, 2)))["submission_id"]
            await until_stored(it, refused, late)
            await it.rows(f"update capture.fetches set refusals = 11 where {of(refused)}")
            await it.rows(
                f"update capture.fetches set created_at = now() - interval '25 h' where {of(late)}"
            )
            found = await letters(it, 2)
            assert {
                json.loads(letter.value)["submission_id"]: letter.reason for letter in found
            } == {
                refused: "fetch_refused",
                late: "fetch_too_late",
            }
            assert bus.on(topics.CAPTURED) == []


async def test_without_a_token_nothing_is_asked(
    postgres_dsn: str, mock_kafka: Broker, tmp_path: Path
) -> None:
    no_token = Secrets({**SECRETS, "HUBSPOT": [KEY]})
    async with (
        Vendor().listening() as vendor,
        fetching(postgres_dsn, mock_kafka, vendor, tmp_path, no_token) as (it, _),
    ):
        await send(it, event(50501))
        [letter] = await letters(it, 1)
        assert (letter.reason, vendor.asked, vendor.without_token) == ("fetch_unconfigured", [], 0)


async def test_nobody_but_capture_can_say_what_was_fetched(
    postgres_dsn: str, mock_kafka: Broker, tmp_path: Path
) -> None:
    async with Vendor().listening() as vendor:
        vendor.contacts["50501"] = DANA
        async with fetching(postgres_dsn, mock_kafka, vendor, tmp_path) as (it, bus):
            await send(it, event(50501))
            await bus.until(lambda b: bool(b.on(topics.CAPTURED)))
            _, done = bus.on(topics.SUBMISSIONS)
            said = {"id": "50501", "properties": {"email": "mallory@evil.example"}}
            raw = json.dumps(said).encode()
            forged = SubmissionReceived.model_validate_json(json.dumps(done)).model_copy(
                update={"fetched": raw}
            )
            for claimed in (forged, forged.model_copy(update={"delivery_key": "311:77:999"})):
                out = submission_output(claimed)
                headers = [(n, v) for n, v in out.headers if n != "ce_id"]
                headers.append(("ce_id", str(uuid4()).encode()))
                async with AIOKafkaProducer(
                    bootstrap_servers=it.kafka.bootstrap_servers
                ) as producer:
                    await producer.send_and_wait(out.topic, out.value, key=out.key, headers=headers)
            await send(it, event(50501, 9))
            await bus.until(lambda b: len(b.on(topics.CAPTURED)) >= 2)
            assert {lead["lead"]["email"] for lead in bus.on(topics.CAPTURED)} == {DANA["email"]}
