"""What a declared stage is to FastStream, and to Kafka once it starts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from faststream import AckPolicy
from faststream.kafka import TestKafkaBroker
from faststream.specification.asyncapi import AsyncAPI
from prometheus_client import CollectorRegistry

from schemas.base import Lane
from schemas.erasure import LeadErased
from services.runtime.broker import LaneBroker
from services.runtime.metrics import Metrics
from services.runtime.records import Output, Record
from services.runtime.settings import KafkaSettings
from services.runtime.stage.subscriber import StageSubscriber
from tests.support.stages import event_output, passed_on, stage, topic

NOWHERE = KafkaSettings(bootstrap_servers="127.0.0.1:1", instance="pod-3")


def lane(kafka: KafkaSettings = NOWHERE, which: Lane = Lane.LIVE) -> LaneBroker:
    return LaneBroker(kafka, which, "svc", Metrics(CollectorRegistry()))


def test_a_declared_stage_never_loses_records_to_a_default() -> None:
    broker = lane()
    broker.add(stage(topic(), topic(), name="routing"))
    (subscriber,) = broker.broker.subscribers
    assert isinstance(subscriber, StageSubscriber)
    assert subscriber.ack_policy is AckPolicy.MANUAL
    assert subscriber.group_id == "routing"
    arguments = subscriber._connection_args
    assert arguments["enable_auto_commit"] is False
    assert arguments["auto_offset_reset"] == "earliest"
    assert arguments["group_instance_id"] == "pod-3-routing"
    assert arguments["session_timeout_ms"] == 6000
    assert arguments["heartbeat_interval_ms"] == 1000
    assert arguments["max_poll_interval_ms"] > 30_000


@pytest.mark.parametrize(
    ("embedded", "which", "rest", "wait", "then"),
    [
        (False, Lane.LIVE, 0.0, 500, None),
        (True, Lane.LIVE, 0.0, 5, (5, 20)),
        (True, Lane.LIVE, 0.1, 50, (50, 50)),
        (True, Lane.BULK, 0.0, 50, (50, 50)),
    ],
)
def test_the_in_process_broker_gets_short_fetches_while_somebody_waits(
    embedded: bool, which: Lane, rest: float, wait: int, then: tuple[int, int] | None
) -> None:
    broker = lane(KafkaSettings(bootstrap_servers="127.0.0.1:1", embedded=embedded), which)
    broker.add(replace(stage(topic(), topic(), lane=which), rest_s=rest))
    (subscriber,) = broker.broker.subscribers
    assert isinstance(subscriber, StageSubscriber)
    assert subscriber._connection_args["fetch_max_wait_ms"] == wait
    assert subscriber.fetch_waits == then


async def test_test_kafka_broker_carries_records_from_stage_to_stage() -> None:
    first, second, third = topic(), topic(), topic()
    seen: list[Record[LeadErased]] = []

    async def last(records: Sequence[Record[LeadErased]]) -> Sequence[Output]:
        seen.extend(records)
        return []

    broker = lane()
    broker.add(stage(first, second))
    broker.add(stage(second, third, last))
    start = event_output(first)
    async with TestKafkaBroker(broker.broker):
        await broker.publish([start])
    (record,) = seen
    assert record.key == start.key
    assert record.topic == second.name
    assert record.event == LeadErased.read(start.value)


async def test_test_kafka_broker_shows_dead_letters() -> None:
    source, to = topic(), topic()
    letters = topic(f"{source.name}.svc.dlq")
    seen: list[Record[LeadErased]] = []

    async def refuse(records: Sequence[Record[LeadErased]]) -> Sequence[Output]:
        raise ValueError("poison")

    async def bury(records: Sequence[Record[LeadErased]]) -> Sequence[Output]:
        seen.extend(records)
        return [passed_on(record, to) for record in records]

    broker = lane()
    broker.add(stage(source, to, refuse))
    broker.add(stage(letters, to, bury))
    start = event_output(source)
    async with TestKafkaBroker(broker.broker):
        await broker.publish([start])
    (record,) = seen
    assert record.value == start.value
    assert dict(record.headers)["x-handraise-reason"] == b"failed"


def test_asyncapi_names_every_channel_and_describes_one_event() -> None:
    source, to = topic(), topic()
    broker = lane()
    broker.add(stage(source, to))
    document = json.loads(AsyncAPI(broker.broker).to_specification().to_json())
    channels = {channel["address"] for channel in document["channels"].values()}
    assert {source.name, to.name, f"{source.name}.svc.dlq"} <= channels
    text = json.dumps(document)
    assert "LeadErased" in text
    receiving = [o for o in document["operations"].values() if o["action"] == "receive"]
    assert len(receiving) == 1


async def test_before_it_starts_a_lane_says_that_it_is_not_ready() -> None:
    broker = lane()
    broker.add(stage(topic(), topic()))
    assert "not started" in (broker.ready() or "")
