"""Topics on a cluster: created, enlarged, mended, checked."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from schemas import topics
from schemas.topics import TOPICS, TopicSpec, dead_letter_topics
from services.runtime import topics_admin
from services.runtime.settings import KafkaSettings
from services.runtime.topics_admin import TopicsError
from tests.support.kafka import Broker
from tests.support.stages import topic
from tests.support.waiting import eventually

ALL = {spec.name for spec in TOPICS} | set(dead_letter_topics())


def test_every_topic_of_the_contract_is_wanted_with_its_dead_letters() -> None:
    wanted = {topic.name: topic for topic in topics_admin.wanted()}
    assert set(wanted) == ALL
    assert wanted[topics.PEOPLE.name].config["cleanup.policy"] == "compact"
    assert wanted[topics.SUBMISSIONS.name].config["retention.ms"] == str(28 * 24 * 3600 * 1000)
    assert wanted[topics.SUBMISSIONS.dead_letters("capture")].partitions == 1


def test_partitions_may_be_more_than_declared_and_never_fewer() -> None:
    by_number = {t.name: t.partitions for t in topics_admin.wanted(12)}
    assert by_number[topics.SCORED.name] == 12
    by_name = {t.name: t.partitions for t in topics_admin.wanted({topics.SCORED.name: 2})}
    assert by_name[topics.SCORED.name] == topics.SCORED.partitions


@pytest.fixture
def ours(monkeypatch: pytest.MonkeyPatch) -> tuple[TopicSpec, TopicSpec]:
    """A contract of two topics that no other test knows, in the place of the real one."""
    plain, compacted = topic(), replace(topic(), retention=None)
    monkeypatch.setattr(topics_admin, "TOPICS", (plain, compacted))
    monkeypatch.setattr(topics_admin, "dead_letter_topics", lambda: (plain.dead_letters("svc"),))
    return plain, compacted


@pytest.mark.real_kafka
async def test_a_cluster_is_brought_to_the_contract_and_left_alone_afterwards(
    real_kafka: Broker, ours: tuple[TopicSpec, TopicSpec]
) -> None:
    kafka = real_kafka.settings
    plain, compacted = ours
    client = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    small = NewTopic(plain.name, 2, 1, config={"retention.ms": "1000"})
    await _done(client.create_topics([small]))
    await eventually(lambda: plain.name in client.list_topics(timeout=5).topics)

    assert await topics_admin.verify(kafka) == [
        f"topic {plain.name} has 2 partitions, 4 are declared; run: handraise topics apply",
        f"topic {compacted.name} is missing; run: handraise topics apply",
        f"topic {plain.dead_letters('svc')} is missing; run: handraise topics apply",
    ]
    assert await topics_admin.apply(kafka) == [
        f"created {compacted.name} with 4 partitions",
        f"created {plain.dead_letters('svc')} with 1 partition",
        f"enlarged {plain.name} from 2 to 4 partitions",
        f"set retention.ms=604800000 on {plain.name} (was 1000)",
    ]
    await eventually(lambda: _sound(kafka))
    await eventually(lambda: _nothing_to_do(kafka))


@pytest.mark.real_kafka
async def test_a_setting_that_somebody_changed_is_mended(
    real_kafka: Broker, ours: tuple[TopicSpec, TopicSpec]
) -> None:
    kafka = real_kafka.settings
    _, compacted = ours
    await topics_admin.apply(kafka)
    client = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    entry = ConfigEntry("cleanup.policy", "delete", incremental_operation=AlterConfigOpType.SET)
    changed = ConfigResource(ResourceType.TOPIC, compacted.name, incremental_configs=[entry])
    await _done(client.incremental_alter_configs([changed]))
    # A broker shows a change a moment after another one made it.
    assert await eventually(lambda: topics_admin.apply(kafka)) == [
        f"set cleanup.policy=compact on {compacted.name} (was delete)"
    ]


@pytest.mark.real_kafka
async def test_two_at_once_create_each_topic_once(
    real_kafka: Broker, ours: tuple[TopicSpec, TopicSpec]
) -> None:
    both = await asyncio.gather(*(topics_admin.apply(real_kafka.settings) for _ in range(2)))
    created = [line for lines in both for line in lines]
    assert len(created) == len(set(created)) == 3


async def test_the_in_process_broker_makes_topics_when_they_are_asked_for(
    mock_kafka: Broker,
) -> None:
    kafka = mock_kafka.settings
    assert len(await topics_admin.apply(kafka)) == len(ALL)
    assert await topics_admin.apply(kafka) == []
    assert await topics_admin.verify(kafka) == []


@pytest.mark.parametrize("embedded", [True, False])
async def test_no_broker_is_one_clear_error(
    embedded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topics_admin, "_TIMEOUT_S", 0.5)
    nowhere = KafkaSettings(bootstrap_servers="127.0.0.1:1", embedded=embedded)
    with pytest.raises(TopicsError, match="no Kafka could be asked"):
        await topics_admin.verify(nowhere)


async def _sound(kafka: KafkaSettings) -> bool:
    return await topics_admin.verify(kafka) == []


async def _nothing_to_do(kafka: KafkaSettings) -> bool:
    return await topics_admin.apply(kafka) == []


async def _done(futures: dict[Any, Any]) -> None:
    for future in futures.values():
        await asyncio.to_thread(future.result, 20)
