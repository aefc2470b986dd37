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

import pytest

from schemas import topics
from services.capture.adapters import hubspot
from services.capture.adapters.base import HookRequest
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
    async with timeout(10):
        while len(found := [x async for x in dead_letters.read(it.kafka, [LETTERS])]) < count:
            pass
    return found


@pytest.mark.parametrize(
    "fault",
    [
        None,
        Reply(401),
        Reply(403),
        Reply(404),
        Reply(500),
        Reply(503),
        Reply(302, headers={"location": "http://127.0.0.1:9/"}),
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
