"""Creates and checks the topics of ``schemas/topics.py`` on a cluster."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError as ClientError
from confluent_kafka import KafkaError, KafkaException
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
_COPIES: Final = 3


class TopicsError(Exception):
    """The cluster could not be asked, or refused; the message says what."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One topic as it should be."""

    name: str
    partitions: int
    config: Mapping[str, str] = field(default_factory=dict)


def wanted(
    partitions_override: int | Mapping[str, int] | None = None, more: Sequence[TopicSpec] = ()
) -> list[Wanted]:
    """Every topic that the house needs and ``more`` (partners'), dead letters included."""

    def partitions(spec: TopicSpec) -> int:
        match partitions_override:
            case None:
                return spec.partitions
            case int():
                return max(spec.partitions, partitions_override)
            case _:
                return max(spec.partitions, partitions_override.get(spec.name, 0))

    letters = {
        "cleanup.policy": "delete",
        "retention.ms": str(int(DEAD_LETTER_RETENTION.total_seconds() * 1000)),
        "max.message.bytes": str(_DEAD_LETTER_BYTES),
    }
    dead = [*dead_letter_topics(), *(s.dead_letters(c) for s in more for c in s.consumers)]
    return [Wanted(spec.name, partitions(spec), _kept(spec)) for spec in (*TOPICS, *more)] + [
        Wanted(name, DEAD_LETTER_PARTITIONS, letters) for name in dead
    ]


async def apply(
    kafka: KafkaSettings,
    partitions_override: int | Mapping[str, int] | None = None,
    replication: int | None = None,
    more: Sequence[TopicSpec] = (),
) -> list[str]:
    """Create what is missing, enlarge what is too small, mend settings; what changed, in words.

    :param partitions_override: for all topics, or by name; never fewer than declared.
    :param replication: copies of a new topic; three if not given, or as many as there are brokers.
    :param more: topics that the configuration declares (``config.partner_topics``).
    :raises TopicsError: no cluster, or it refused.
    """
    topics = wanted(partitions_override, more)
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
    present = await asyncio.to_thread(lambda: _present(_Admin(kafka)).partitions)
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
class _Admin(AdminClient):
    """Knows why a broker did not let us in; a request that fails says only that it failed."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._refusals: list[str] = []
        config: dict[str, Any] = {**librdkafka(kafka), "error_cb": self._heard}
        super().__init__(config)

    def why(self) -> str | None:
        """What was said last; None: nothing but silence."""
        self.poll(0)
        return self._refusals[-1] if self._refusals else None

    def _heard(self, error: KafkaError) -> None:
        if error.code() != KafkaError._ALL_BROKERS_DOWN:
            self._refusals.append(error.str())


@dataclass(frozen=True, slots=True)
class _Present:
    brokers: int
    partitions: Mapping[str, int]
    copies: Mapping[str, int]


def _apply(kafka: KafkaSettings, topics: list[Wanted], replication: int | None) -> list[str]:
    client = _Admin(kafka)
    changed = _create(client, topics, _present(client), replication)
    present = _all_present(client, {topic.name for topic in topics})
    have = present.partitions
    small = [topic for topic in topics if have[topic.name] < topic.partitions]
    if small:
        _await(client.create_partitions([NewPartitions(t.name, t.partitions) for t in small]))
        changed += [
            f"enlarged {t.name} from {have[t.name]} to {t.partitions} partitions" for t in small
        ]
    return changed + _mend(client, topics, present)


def _create(
    client: _Admin, topics: list[Wanted], present: _Present, replication: int | None
) -> list[str]:
    missing = {topic.name: topic for topic in topics if topic.name not in present.partitions}
    if not missing:
        return []
    copies = replication or min(_COPIES, present.brokers)
    new = [
        NewTopic(t.name, t.partitions, copies, config={**t.config, **_in_sync(copies)})
        for t in missing.values()
    ]
    created = []
    for name, future in client.create_topics(new).items():
        try:
            future.result(_TIMEOUT_S)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:  # someone was quicker
                raise TopicsError(f"{name}: {_text(error)}") from error
        else:
            number = missing[name].partitions
            created.append(f"created {name} with {number} partition{'s'[: number != 1]}")
    return created


def _mend(client: AdminClient, topics: list[Wanted], present: _Present) -> list[str]:
    changed, resources = [], []
    have = _settings(client, [topic.name for topic in topics])
    for topic in topics:
        should = {**topic.config, **_in_sync(present.copies[topic.name])}
        differing = {k: v for k, v in should.items() if have[topic.name][k] != v}
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
            f"set {name}={value} on {topic.name} (was {have[topic.name][name]})"
            for name, value in differing.items()
        ]
    if resources:
        _await(client.incremental_alter_configs(resources))
    return changed


def _settings(client: AdminClient, names: list[str]) -> dict[str, dict[str, str]]:
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    answers = _await(client.describe_configs(resources))
    return {
        resource.name: {name: entry.value for name, entry in answer.items()}
        for resource, answer in answers.items()
    }


def _in_sync(copies: int) -> dict[str, str]:
    """With three copies an acknowledgement means two of them have it."""
    return {"min.insync.replicas": "2" if copies > 2 else "1"}


def _all_present(client: _Admin, names: set[str]) -> _Present:
    """A broker may list a topic a moment after another one created it."""
    until = time.monotonic() + _TIMEOUT_S
    while missing := names - (present := _present(client)).partitions.keys():
        if time.monotonic() > until:
            raise TopicsError(f"created, but not to be seen: {', '.join(sorted(missing))}")
        time.sleep(0.05)
    return present


def _present(client: _Admin) -> _Present:
    try:
        metadata = client.list_topics(timeout=_TIMEOUT_S)
    except KafkaException as error:
        raise TopicsError(f"no Kafka could be asked: {client.why() or _text(error)}") from error
    topics = {name: topic.partitions for name, topic in metadata.topics.items()}
    return _Present(
        brokers=len(metadata.brokers),
        partitions={name: len(parts) for name, parts in topics.items()},
        copies={
            name: min((len(part.replicas) for part in parts.values()), default=0)
            for name, parts in topics.items()
        },
    )


def _await(futures: Mapping[Any, Any]) -> dict[Any, Any]:
    answers = {}
    for what, future in futures.items():
        try:
            answers[what] = future.result(_TIMEOUT_S)
        except KafkaException as error:
            raise TopicsError(f"{what}: {_text(error)}") from error
    return answers


def _text(error: KafkaException) -> str:
    inner = error.args[0] if error.args else error
    return inner.str() if hasattr(inner, "str") else str(inner)


# -- the in-process broker: topics appear when somebody asks for them ---------------------------
async def _touch(kafka: KafkaSettings, topics: list[Wanted]) -> list[str]:
    quieten()
    client = AIOKafkaClient(**connection(kafka, "handraise-topics"))
    try:
        await client.bootstrap()
        known = (await client.fetch_all_metadata()).topics()
        for topic in topics:
            if topic.name not in known:
                await client._wait_on_metadata(topic.name)
    except (ClientError, OSError) as error:
        raise TopicsError(f"no Kafka could be asked: {type(error).__name__}") from error
    finally:
        await client.close()
    return [f"created {t.name}" for t in topics if t.name not in known]
