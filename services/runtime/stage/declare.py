"""Declares a stage on a FastStream broker: subscriber, publishers, dead-letter topics."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

from aiokafka import ConsumerRebalanceListener, TopicPartition
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage
from faststream.kafka.message import FAKE_CONSUMER
from faststream.kafka.subscriber.usecase import BatchSubscriber

from schemas.base import Lane
from services.runtime.kafka_client import QUIET_FETCH_MS, fetch_wait_ms
from services.runtime.stage.commits import Commits
from services.runtime.stage.gate import LaneGate
from services.runtime.stage.header_names import read_any_header_name
from services.runtime.stage.observe import Observer
from services.runtime.stage.runner import StageRunner
from services.runtime.stage.subscriber import StageSubscriber

if TYPE_CHECKING:
    from services.runtime.settings import KafkaSettings

MAX_POLL_INTERVAL_MS: Final = 60_000
REBALANCE_TIMEOUT_MS: Final = 15_000
"""Longer than a member takes to finish its batch and commit."""
MAX_PARTITION_FETCH_BYTES: Final = 4 * 1024 * 1024


def declare(
    broker: KafkaBroker,
    runner: StageRunner[Any],
    kafka: KafkaSettings,
    gate: LaneGate,
    on_failure: Callable[[str], None],
    broker_answers: Callable[[], Awaitable[bool]],
) -> StageSubscriber:
    """The subscriber of a stage; nothing is connected."""
    spec = runner.spec
    rebalance = Rebalance()
    declared = broker.subscriber(
        *(topic.name for topic in spec.inputs),
        batch=True,
        max_records=spec.max_records,
        group_id=spec.name,
        group_instance_id=f"{kafka.instance}-{spec.name}" if kafka.instance else None,
        ack_policy=AckPolicy.MANUAL,
        no_reply=True,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=fetch_wait_ms(kafka, spec.lane, waited_for=not spec.rest_s),
        max_partition_fetch_bytes=MAX_PARTITION_FETCH_BYTES,
        session_timeout_ms=kafka.session_timeout_ms,
        heartbeat_interval_ms=kafka.heartbeat_ms,
        rebalance_timeout_ms=REBALANCE_TIMEOUT_MS,
        max_poll_interval_ms=MAX_POLL_INTERVAL_MS,
        listener=rebalance,
        parser=_parse,
        decoder=_decode,
        title=f"{spec.name}",
        description=(spec.handler.__doc__ or "").strip() or None,
    )
    declared(_call(runner))
    subscriber = adopt(declared, runner, gate, on_failure, broker_answers)
    if kafka.embedded:
        quick = fetch_wait_ms(kafka, spec.lane, waited_for=not spec.rest_s)
        subscriber.fetch_waits = (quick, max(quick, QUIET_FETCH_MS))
    rebalance.subscriber = subscriber
    for topic in spec.outputs:
        broker.publisher(topic.name, schema=topic.event, title=f"{spec.name}:{topic.name}")
    for topic in spec.inputs:
        letters = topic.dead_letters(spec.service)
        broker.publisher(letters, schema=topic.event, title=f"{spec.name}:{letters}")
    return subscriber


def _call(runner: StageRunner[Any]) -> Callable[[Any], Awaitable[None]]:
    async def stage(message: Any) -> None:
        raise RuntimeError("records reach the runner, never FastStream's handler")

    stage.__name__ = runner.spec.name.replace(".", "_")
    return stage


async def _parse(records: Any) -> KafkaMessage:
    raw = tuple(records)
    return KafkaMessage(raw_message=raw, body=b"", consumer=FAKE_CONSUMER, correlation_id="-")


async def _decode(message: KafkaMessage) -> Any:
    return message.raw_message


class Rebalance(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """Hands aiokafka's callbacks to the subscriber, which does not exist yet at declaration."""

    subscriber: StageSubscriber

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        if revoked:
            await self.subscriber.revoked()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        self.subscriber.assigned()


def adopt(
    subscriber: BatchSubscriber,
    runner: StageRunner[Any],
    gate: LaneGate,
    on_failure: Callable[[str], None],
    broker_answers: Callable[[], Awaitable[bool]],
) -> StageSubscriber:
    """Give the subscriber that FastStream declared our loop.

    Its class is the one private touch: ``broker.subscriber`` offers no way to say which class it
    should build.
    """
    read_any_header_name()
    subscriber.__class__ = StageSubscriber
    assert isinstance(subscriber, StageSubscriber)
    subscriber.runner, subscriber.gate, subscriber.on_failure = runner, gate, on_failure
    subscriber.observer = Observer(subscriber, broker_answers)
    subscriber.failure, subscriber.joined = None, False
    subscriber.commits = Commits(runner.telemetry)
    subscriber.busy = asyncio.Lock()
    subscriber.ahead, subscriber.at_hand, subscriber.taken = (), (), ()
    subscriber.fetch_waits = None
    subscriber.paused = subscriber.poll_failing = subscriber.broker_silent = False
    subscriber.beat_at = subscriber.taken_at = time.monotonic()
    subscriber._live = runner.spec.lane is Lane.LIVE
    return subscriber
