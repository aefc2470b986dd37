"""Activities and signals: durable before their 200, recognised when they come again."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx

from schemas import topics
from schemas.activity import ActivityRecorded
from services.runtime.embedded.broker import EmbeddedBroker
from services.runtime.settings import KafkaSettings
from tests.integration.capture.running import Capture, capture, outside
from tests.support.kafka import Broker
from tests.support.signals import freeze, thaw
from tests.support.waiting import eventually

CALL = {
    "activity": "call_connected",
    "email": "dana@acme.com",
    "source": "dialler",
    "external_id": "call-1",
}
FUNDING = {"signal": "funding", "domain": "www.acme.com", "provider": "news", "external_id": "n-1"}


async def post(it: Capture, path: str, body: Any, key: str | None = None) -> httpx.Response:
    headers = {"idempotency-key": key} if key else {}
    return await it.http.post(path, json=body, headers=headers)


async def test_events_are_on_the_bus_and_a_repeat_is_known(
    postgres_dsn: str, mock_kafka: Broker
) -> None:
    async with capture(postgres_dsn, mock_kafka.settings) as it, outside(it.kafka) as bus:
        call, again = [await post(it, "/v1/activities", CALL) for _ in range(2)]
        assert (call.status_code, call.json()["status"]) == (200, "accepted")
        assert again.json() == {"status": "duplicate", "event_id": call.json()["event_id"]}
        views = [{"activity": "page_view", "visitor_id": f"v-{n}"} for n in range(3)]
        several = await post(it, "/v1/activities", views)
        assert len(set(several.json()["event_ids"])) == 3
        seen = await post(it, "/v1/signals", FUNDING)
        assert seen.status_code == 200
        await bus.until(lambda b: len(b.on(topics.ACTIVITIES)) == 4 and b.on(topics.SIGNALS))
        [told] = [one for one in bus.on(topics.ACTIVITIES) if one["activity"] == "call_connected"]
        assert (told["email"], told["lane"], told["source"]) == ("dana@acme.com", "live", "dialler")
        [funding] = bus.on(topics.SIGNALS)
        assert funding["domain"] == "acme.com"
        assert {key for topic, key, _ in bus.records if topic != topics.SUBMISSIONS.name} >= {
            b"acme.com", b"v-0"
        }  # fmt: skip


async def test_a_reason_that_nobody_agreed_on_is_refused_by_its_name(
    postgres_dsn: str, mock_kafka: Broker
) -> None:
    out = {"activity": "disqualified", "email": "dana@acme.com", "reason": "no_budgte"}
    async with capture(postgres_dsn, mock_kafka.settings) as it:
        refused = await post(it, "/v1/activities", [CALL, out])
        assert refused.status_code == 422
        [fault] = refused.json()["errors"]
        assert fault["field"] == "1.reason"
        assert "did you mean no_budget?" in fault["message"]
        # Of anything else the reason is the sender's own matter.
        lost = {**out, "activity": "lost"}
        taken = [
            await post(it, "/v1/activities", one) for one in (lost, {**out, "reason": "no_fit"})
        ]
        assert [one.status_code for one in taken] == [200, 200]


async def test_a_key_means_one_body(postgres_dsn: str, mock_kafka: Broker) -> None:
    view = {"activity": "page_view", "visitor_id": "v"}
    async with capture(postgres_dsn, mock_kafka.settings) as it:
        first = await post(it, "/v1/activities", view, "k")
        assert (await post(it, "/v1/activities", view, "k")).json() == {
            "status": "duplicate",
            "event_id": first.json()["event_id"],
        }
        other = await post(it, "/v1/activities", {**view, "page_kind": "pricing"}, "k")
        assert other.status_code == 409
        # Without a name, a key or another body two views are told apart by nothing.
        assert (await post(it, "/v1/activities", view)).json()["status"] == "accepted"
        assert (await post(it, "/v1/activities", view)).json()["status"] == "duplicate"


async def test_faults_are_named_and_nothing_is_taken(postgres_dsn: str, mock_kafka: Broker) -> None:
    async with capture(postgres_dsn, mock_kafka.settings) as it:
        wrong = {
            "0.activity": [{"activity": "page_viewed", "visitor_id": "v"}],
            "1.emial": [CALL, {"activity": "won", "domain": "acme.com", "emial": "x"}],
            "1.email": [CALL, {"activity": "won", "email": "a at b"}],
            "body": [CALL] * 101,
            "domain": {"activity": "won", "domain": "gmail.com"},
        }
        for field, body in wrong.items():
            answer = await post(it, "/v1/activities", body)
            assert answer.status_code == 422, body
            assert [fault["field"] for fault in answer.json()["errors"]] == [field]
        assert (await post(it, "/v1/activities", [])).status_code == 422
        assert (await it.http.post("/v1/signals", content=b"{")).status_code == 400
        strong = await post(it, "/v1/signals", {**FUNDING, "strength": 24})
        assert strong.json()["errors"][0]["field"] == "strength"
        assert await it.rows("select 1 from capture.spool") == []


async def test_while_the_broker_hangs_postgres_takes_them_and_hands_them_on(
    postgres_dsn: str, tmp_path: Path
) -> None:
    broker = EmbeddedBroker(tmp_path / "broker.log")
    kafka = KafkaSettings(bootstrap_servers=broker.start(), fetch_max_wait_ms=10)
    assert broker.pid is not None
    try:
        async with capture(postgres_dsn, kafka, patient=False) as it, outside(it.kafka) as bus:
            freeze(broker.pid)
            answers = await asyncio.gather(
                post(it, "/v1/activities", CALL), post(it, "/v1/signals", FUNDING)
            )
            assert [answer.status_code for answer in answers] == [200, 200]
            assert len(await it.rows("select 1 from capture.spool")) == 2
            thaw(broker.pid)
            await bus.until(lambda b: b.on(topics.ACTIVITIES) and b.on(topics.SIGNALS), 30)

            async def empty() -> bool:
                return await it.rows("select 1 from capture.spool") == []

            await eventually(empty, 20)
    finally:
        thaw(broker.pid)
        broker.stop()


async def test_a_broker_that_forgets_hears_of_them_again_at_the_next_start(
    postgres_dsn: str, tmp_path: Path
) -> None:
    told: list[dict[str, Any]] = []
    for number in range(2):
        broker = EmbeddedBroker(tmp_path / f"broker-{number}.log")
        kafka = Broker(broker.start(), "embedded").settings
        try:
            async with capture(postgres_dsn, kafka) as it, outside(it.kafka) as bus:
                if number == 0:
                    assert (await post(it, "/v1/activities", CALL)).status_code == 200
                await bus.until(lambda b: bool(b.on(topics.ACTIVITIES)))
                told += bus.on(topics.ACTIVITIES)
        finally:
            broker.stop()
    assert len(told) == 2
    assert told[0] == told[1]
    assert ActivityRecorded.model_validate(told[0]).external_id == "call-1"
