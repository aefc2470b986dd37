"""Feeds through the door: what happened is on the bus once, and nobody is asked to end it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx

from schemas import topics
from services.runtime.settings import Secrets
from tests.integration.capture.running import SECRETS, Capture, capture, outside
from tests.support.kafka import Broker

OURS = Secrets({**SECRETS, "DIALLER": [b"d"], "VISITORS": [b"v"]})
EXAMPLES = Path("schemas/examples/sources")


async def send(it: Capture, source: str, token: str, said: Any) -> httpx.Response:
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    return await it.http.post(f"/hooks/{source}", content=body, params={"token": token})


async def test_a_call_is_an_activity_once_and_no_submission(
    postgres_dsn: str, mock_kafka: Broker
) -> None:
    async with (
        capture(postgres_dsn, mock_kafka.settings, secrets=OURS) as it,
        outside(it.kafka) as bus,
    ):
        body = (EXAMPLES / "dialler/good/picked_up.json").read_bytes()
        first, again = [await send(it, "dialler", "d", body) for _ in range(2)]
        assert first.json() == again.json() == {"status": "accepted", "submission_id": None}
        await bus.until(lambda b: bool(b.on(topics.ACTIVITIES)))
        await bus.take(500)
        [call] = bus.on(topics.ACTIVITIES)
        assert (call["activity"], call["phone"], call["rep_id"], call["source"]) == (
            "call_connected", "+4930901820", "lena.vogt", "dialler",
        )  # fmt: skip
        assert await it.rows("select 1 from capture.deliveries") == []

        ringing = await send(it, "dialler", "d", {"id": 2, "outcome": "ringing", "to": "+49309"})
        nobody = await send(it, "dialler", "d", {"id": 3, "outcome": "busy", "to": "12"})
        assert ringing.json()["submission_id"] is None
        kept = nobody.json()["submission_id"]
        await bus.until(lambda b: bool(b.about(kept)))
        assert bus.about(kept)[0]["reason"] == "unparsable"
        text = (await it.http.get("/metrics")).text
        for outcome, count in {"taken": 2, "ignored": 1, "kept": 1}.items():
            line = f'handraise_feed_events_total{{outcome="{outcome}",source="dialler"}} {count}.0'
            assert line in text
        async with asyncio.timeout(15):
            while 'handraise_feed_last_event_timestamp_seconds{source="salesloft"}' not in text:
                text = (await it.http.get("/metrics")).text
        assert (await send(it, "dialler", "x", body)).status_code == 401


async def test_a_visit_is_a_signal_and_a_named_visitor_a_lead_on_the_bulk_lane(
    postgres_dsn: str, mock_kafka: Broker
) -> None:
    async with (
        capture(postgres_dsn, mock_kafka.settings, secrets=OURS) as it,
        outside(it.kafka) as bus,
    ):
        for name in ("company", "person"):
            body = (EXAMPLES / f"visitor_id/good/{name}.json").read_bytes()
            assert (await send(it, "visitors", "v", body)).status_code == 200
        await bus.until(lambda b: bool(b.on(topics.SIGNALS) and b.on(topics.CAPTURED_BULK)))
        [visit], [lead] = bus.on(topics.SIGNALS), bus.on(topics.CAPTURED_BULK)
        assert (visit["signal"], visit["domain"]) == ("traffic", "cohovineyard.example")
        assert (lead["kind"], lead["motion"], lead["channel"]) == (
            "other", "outbound", "visitor_id",
        )  # fmt: skip
        assert lead["lead"]["consent"][0]["basis"] == "legitimate_interest"
