"""A cluster with three copies of everything loses a broker, then a second: nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import ConfigResource, ResourceType  # type: ignore[attr-defined]

from schemas.topics import SUBMISSIONS, TOPICS
from tests.support.cluster import Cluster, cluster
from tests.support.pipeline import Pipeline, running
from tests.support.storms import stream
from tests.support.world import world

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]


@pytest.fixture
def three(tmp_path: Path) -> Iterator[Cluster]:
    with cluster(tmp_path / "brokers") as started:
        yield started


@pytest.fixture
def on_three(three: Cluster, tmp_path: Path) -> Iterator[Pipeline]:
    with running(tmp_path / "data", "--kafka", three.addresses) as started:
        yield started


async def test_one_broker_and_then_two_of_three_die(
    three: Cluster, on_three: Pipeline, run: str
) -> None:
    copied(on_three)
    first, second, _ = three.brokers
    async with world(on_three) as outside, stream(outside, run, 600, per_second=12) as flow:
        await flow.until(60)
        await asyncio.to_thread(first.kill)
        await flow.until(200)  # two copies are enough
        await asyncio.to_thread(second.kill)
        await flow.until(300)  # one is not: Postgres keeps what is accepted
        await asyncio.to_thread(first.start)
        await asyncio.to_thread(second.start)
        await asyncio.to_thread(on_three.ready, 120)
        await flow.until(600)
        report = await outside.settled(180)
    print(report)


def copied(pipeline: Pipeline) -> None:
    """Every topic is on three brokers, and an acknowledgement means that two have it."""
    admin = pipeline.admin
    listed = admin.list_topics(timeout=20).topics
    for spec in TOPICS:
        places = listed[spec.name].partitions.values()
        assert {len(place.replicas) for place in places} == {3}, spec.name
    resource = ConfigResource(ResourceType.TOPIC, SUBMISSIONS.name)
    entries = admin.describe_configs([resource])[resource].result(20)
    assert entries["min.insync.replicas"].value == "2"
