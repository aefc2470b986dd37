"""Lists of prospects: each line a submission of its own, and a result for each."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from schemas import topics
from services.capture import bulklag
from services.capture.config import parse
from services.capture.door_prospects import AT_A_STRETCH, Sheet, read_all
from services.runtime.apikeys import Principal, Scope
from services.runtime.configregister import read_folder
from tests.integration.capture.running import Capture, capture, outside
from tests.support.kafka import Broker
from tests.support.waiting import eventually


async def post(it: Capture, body: str, key: str | None = None, **headers: str) -> httpx.Response:
    given = {"content-type": "application/x-ndjson", **headers}
    if key:
        given["idempotency-key"] = key
    return await it.http.post("/v1/prospects", content=body.encode(), headers=given)


LINES = (
    '{"email": "a@acme.com", "company": "Acme"}\n'
    "\n"
    '{"email": "a at b"}\n'
    '{"email": "b@acme.com", "kind": "demo_request"}\r\n'
    "{\n"
    '{"external_id": "list-1/7", "kind": "prospect"}\n'
    '{"email": "a@acme.com", "company": "Acme"}'
)


async def test_each_line_has_its_result_and_each_accepted_one_becomes_a_lead(
    postgres_dsn: str, mock_kafka: Broker
) -> None:
    async with capture(postgres_dsn, mock_kafka.settings) as it, outside(it.kafka) as bus:
        answer = await post(it, LINES)
        assert answer.status_code == 200
        told = answer.json()
        assert {name: told[name] for name in ("accepted", "duplicate", "invalid")} == {
            "accepted": 2, "duplicate": 1, "invalid": 3
        }  # fmt: skip
        lines = {one["line"]: one for one in told["results"]}
        assert list(lines) == [1, 3, 4, 5, 6, 7]
        assert [lines[n]["errors"][0]["field"] for n in (3, 4, 5)] == ["email", "kind", "line"]
        assert lines[7]["submission_id"] == lines[1]["submission_id"]
        ids = {lines[1]["submission_id"], lines[6]["submission_id"]}
        await bus.until(lambda b: len(b.on(topics.CAPTURED_BULK)) == 2)
        leads = bus.on(topics.CAPTURED_BULK)
        assert {lead["submission_id"] for lead in leads} == ids
        assert {(lead["kind"], lead["motion"], lead["channel"]) for lead in leads} == {
            ("prospect", "outbound", "outbound")
        }
        again = (await post(it, LINES)).json()
        assert (again["accepted"], again["duplicate"]) == (0, 3)


async def test_a_key_makes_each_line_safe_to_repeat(postgres_dsn: str, mock_kafka: Broker) -> None:
    async with capture(postgres_dsn, mock_kafka.settings) as it:
        first, again = [(await post(it, LINES, "import-1")).json() for _ in range(2)]
        other = (await post(it, LINES, "import-2")).json()
    assert (first["accepted"], again["accepted"], other["accepted"]) == (3, 0, 3)
    assert [one.get("submission_id") for one in first["results"]] == [
        one.get("submission_id") for one in again["results"]
    ]


async def test_a_key_that_was_used_for_another_line_is_a_fault_of_the_line(
    postgres_dsn: str, mock_kafka: Broker
) -> None:
    async with capture(postgres_dsn, mock_kafka.settings) as it:
        first = '{"email": "a@acme.com"}\n{"email": "b@acme.com"}'
        assert (await post(it, first, "import-1")).json()["accepted"] == 2
        told = (await post(it, first.replace("b@", "bea@"), "import-1")).json()["results"]
    assert [one["status"] for one in told] == ["duplicate", "invalid"]
    assert "Idempotency-Key" in told[1]["errors"][0]["message"]


async def test_what_is_no_list_is_refused_whole(postgres_dsn: str, mock_kafka: Broker) -> None:
    async with capture(postgres_dsn, mock_kafka.settings) as it:
        line = '{"email": "a@acme.com"}\n'
        assert (await post(it, "\n\n")).status_code == 422
        assert (await post(it, line * 1_001)).json()["errors"][0]["field"] == "body"
        xml = {"content-type": "text/xml"}
        assert (await post(it, line, **xml)).status_code == 415
        assert (await it.rows("select 1 from capture.spool")) == []


async def test_a_line_larger_than_a_lead_may_be_costs_only_itself(
    postgres_dsn: str, mock_kafka: Broker
) -> None:
    spaces = " " * 900_000  # what no topic takes, though the form in it is small
    large = f'{{"kind": "prospect", "email": "a@acme.com"{spaces}}}\n'
    async with capture(postgres_dsn, mock_kafka.settings) as it:
        told = (await post(it, large + '{"email": "b@acme.com"}')).json()
    assert [one["status"] for one in told["results"]] == ["invalid", "accepted"]
    assert told["results"][0]["errors"][0]["field"] == "line"


async def test_others_have_their_turn_while_a_long_list_is_read() -> None:
    capturing = parse(read_folder(Path("deploy/config")))
    principal = Principal("key", "test", None, frozenset(Scope))
    sheet = Sheet(capturing.sources["api"], principal, None, datetime.now(UTC))
    lines = [(n, b'{"email": "p%d@acme.com"}' % n) for n in range(200)]
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    waiting = asyncio.create_task(other())
    assert len(await read_all(sheet, lines)) == 200
    waiting.cancel()
    assert turns >= 200 / AT_A_STRETCH - 1


async def test_prospects_wait_outside_while_those_inside_wait_for_a_minute(
    postgres_dsn: str, mock_kafka: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    lag = 0.0
    monkeypatch.setattr("services.capture.app._bulk_lag", lambda _: lambda: lag)
    async with capture(postgres_dsn, mock_kafka.settings) as it:
        lag = 61.0
        refused = await post(it, LINES)
        assert (refused.status_code, int(refused.headers["retry-after"]) > 0) == (429, True)
        assert (await it.lead(email="dana@acme.com")).status_code == 200
        lag = 59.0
        assert (await post(it, LINES)).status_code == 200


async def test_the_oldest_record_that_a_bulk_stage_has_not_finished(real_kafka: Broker) -> None:
    topic, group = f"lag.{time.time_ns()}.v1", f"lag-{time.time_ns()}"
    address = real_kafka.address
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    reader = AIOKafkaConsumer(bootstrap_servers=address, group_id=None, enable_auto_commit=False)
    stage = AIOKafkaConsumer(
        bootstrap_servers=address, group_id=group, enable_auto_commit=False
    )  # fmt: skip
    await asyncio.gather(admin.start(), reader.start(), stage.start())
    try:
        await admin.create_topics([NewTopic(topic, 2, 1)])
        now = datetime.now(UTC).timestamp()
        await _append(address, topic, [now - 300, now - 100])
        stages = [(topic, group)]

        async def coordinated() -> bool:
            try:  # a broker that has just started has no coordinator yet
                await admin.list_consumer_group_offsets(group)
            except KafkaError:
                return False
            return True

        await eventually(coordinated, 60)
        assert await bulklag.oldest(admin, reader, now, stages) == pytest.approx(300, abs=1)
        stage.assign([TopicPartition(topic, 0)])
        await stage.commit({TopicPartition(topic, 0): 1})
        assert await bulklag.oldest(admin, reader, now, stages) == pytest.approx(100, abs=1)
        await stage.commit({TopicPartition(topic, 0): 2})
        assert await bulklag.oldest(admin, reader, now, stages) == 0.0
    finally:
        await asyncio.gather(admin.close(), reader.stop(), stage.stop())


async def _append(address: str, topic: str, moments: list[float]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=address)
    await producer.start()
    for moment in moments:
        await producer.send_and_wait(topic, b"x", partition=0, timestamp_ms=int(moment * 1000))
    await producer.stop()


def test_the_stages_on_the_way_of_a_prospect() -> None:
    assert set(bulklag.bulk_stages()) == {
        ("submissions.bulk.v1", "capture.bulk"),
        ("leads.captured.bulk.v1", "enrichment.bulk"),
        ("leads.enriched.bulk.v1", "scoring.bulk"),
        ("leads.scored.bulk.v1", "routing.bulk"),
    }
