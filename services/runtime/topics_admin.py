"""Creates and checks the topics of ``schemas/topics.py`` on a cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from confluent_kafka import KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # its stubs forget to re-export
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourceType,
)

from schemas.topics import (
    DEAD_LETTER_PARTITIONS,
    DEAD_LETTER_RETENTION,
    TOPICS,
    TopicSpec,
    dead_letter_topics,
)
from services.runtime.kafka_client import connection, librdkafka, quieten

if TYPE_CHECKING:
    from services.runtime.settings import KafkaSettings

_TIMEOUT_S: Final = 15.0
_DEAD_LETTER_BYTES: Final = 2 * 1024 * 1024
"""A dead letter is larger than its record: it carries the reason, too."""
_EMBEDDED_PARTITIONS: Final = 4


class TopicsError(Exception):
    """The cluster could not be asked, or refused; the message says what."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One topic as it should be."""

    name: str
    partitions: int
    config: Mapping[str, str] = field(default_factory=dict)


def wanted(
    partitions_override: int | Mapping[str, int] | None = None, replication: int = 1
) -> list[Wanted]:
    """Every topic that the house needs, dead letters included."""

    def partitions(spec: TopicSpec) -> int:
        match partitions_override:
            case None:
                return spec.partitions
            case int():
                return max(spec.partitions, partitions_override)
            case _:
                return max(spec.partitions, partitions_override.get(spec.name, 0))

    durable = {"min.insync.replicas": "2" if replication > 2 else "1"}
    topics = [Wanted(s.name, partitions(s), {**durable, **_kept(s)}) for s in TOPICS]
    letters = {
        **durable,
        "cleanup.policy": "delete",
        "retention.ms": str(int(DEAD_LETTER_RETENTION.total_seconds() * 1000)),
        "max.message.bytes": str(_DEAD_LETTER_BYTES),
    }
    return topics + [Wanted(n, DEAD_LETTER_PARTITIONS, letters) for n in dead_letter_topics()]


async def apply(
    kafka: KafkaSettings,
    partitions_override: int | Mapping[str, int] | None = None,
    replication: int = 1,
) -> list[str]:
    """Create what is missing, enlarge what is too small, mend settings; what changed, in words.

    :raises TopicsError: no cluster, or it refused.
    """
    topics = wanted(partitions_override, replication)
    if kafka.embedded:
        return await _touch(kafka, topics)
    return await asyncio.to_thread(_apply, kafka, topics, replication)


async def verify(kafka: KafkaSettings) -> list[str]:
    """Topics that are missing or smaller than declared, one sentence each; empty when all is well.

    :raises TopicsError: no cluster could be asked.
    """
    if kafka.embedded:
        await _touch(kafka, wanted())
        return []
    present = await asyncio.to_thread(lambda: _present(AdminClient(librdkafka(kafka))))
    faults = []
    for topic in wanted():
        have = present.get(topic.name)
        if have is None:
            faults.append(f"topic {topic.name} is missing; run: handraise topics apply")
        elif have < topic.partitions:
            faults.append(
                f"topic {topic.name} has {have} partitions, {topic.partitions} are declared; "
                "run: handraise topics apply"
            )
    return faults


def _kept(spec: TopicSpec) -> dict[str, str]:
    if spec.retention is None:
        return {"cleanup.policy": "compact"}
    milliseconds = int(spec.retention.total_seconds() * 1000)
    return {"cleanup.policy": "delete", "retention.ms": str(milliseconds)}


# -- a real cluster, through librdkafka in a thread ---------------------------------------------
def _apply(kafka: KafkaSettings, topics: list[Wanted], replication: int) -> list[str]:
    client = AdminClient(librdkafka(kafka))
    present = _present(client)
    missing = [topic for topic in topics if topic.name not in present]
    small = [t for t in topics if t.name in present and present[t.name] < t.partitions]
    changed = []
    if missing:
        new = [NewTopic(t.name, t.partitions, replication, config=dict(t.config)) for t in missing]
        _await(client.create_topics(new))
        changed += [f"created {t.name} with {t.partitions} partitions" for t in missing]
    if small:
        _await(client.create_partitions([NewPartitions(t.name, t.partitions) for t in small]))
        changed += [
            f"enlarged {t.name} from {present[t.name]} to {t.partitions} partitions" for t in small
        ]
    return changed + _mend(client, [topic for topic in topics if topic.name in present])


def _mend(client: AdminClient, topics: list[Wanted]) -> list[str]:
    if not topics:
        return []
    asked = {t.name: ConfigResource(ResourceType.TOPIC, t.name) for t in topics}
    answers = {
        resource.name: future.result(_TIMEOUT_S)
        for resource, future in client.describe_configs(list(asked.values())).items()
    }
    changed, resources = [], []
    for topic in topics:
        have = answers[topic.name]
        differing = {k: v for k, v in topic.config.items() if have[k].value != v}
        if not differing:
            continue
        entries = [
            ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
            for name, value in differing.items()
        ]
        resources.append(
            ConfigResource(ResourceType.TOPIC, topic.name, incremental_configs=entries)
        )
        changed += [
            f"set {k}={v} on {topic.name} (was {have[k].value})" for k, v in differing.items()
        ]
    if resources:
        _await(client.incremental_alter_configs(resources))
    return changed


def _present(client: AdminClient) -> dict[str, int]:
    try:
        metadata = client.list_topics(timeout=_TIMEOUT_S)
    except KafkaException as error:
        raise TopicsError(f"no Kafka could be asked: {_text(error)}") from error
    return {name: len(topic.partitions) for name, topic in metadata.topics.items()}


def _await(futures: Mapping[Any, Any]) -> None:
    for topic, future in futures.items():
        try:
            future.result(_TIMEOUT_S)
        except KafkaException as error:
            raise TopicsError(f"{topic}: {_text(error)}") from error


def _text(error: KafkaException) -> str:
    inner = error.args[0] if error.args else error
    return inner.str() if hasattr(inner, "str") else str(inner)


# -- the in-process broker: topics appear when somebody asks for them ---------------------------
async def _touch(kafka: KafkaSettings, topics: list[Wanted]) -> list[str]:
    quieten()
    client = AIOKafkaClient(**connection(kafka, "handraise-topics"))
    try:
        await client.bootstrap()
        known = client.cluster.topics()
        for topic in topics:
            if topic.name not in known:
                await client._wait_on_metadata(topic.name)
    except (KafkaError, OSError) as error:
        raise TopicsError(f"no Kafka could be asked: {type(error).__name__}") from error
    finally:
        await client.close()
    return [f"created {t.name}" for t in topics if t.name not in known]
