"""Epochs, pauses and signs of life, on a consumer that does what the test says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaConnectionError

from schemas.erasure import LeadErased
from services.runtime.broker import LaneBroker
from services.runtime.records import Output, Record
from services.runtime.settings import KafkaSettings
from services.runtime.stage.hosts import EpochHost
from services.runtime.stage.spec import Abandoned
from services.runtime.stage.subscriber import StageSubscriber
from tests.support.stages import event_output, lane_broker, raw, stage, topic
from tests.support.waiting import PATIENCE, eventually

IN, OUT = topic("shell.sub.in.v1"), topic("shell.sub.out.v1")
PLACE = TopicPartition(IN.name, 0)


@dataclass
class ToldConsumer:
    """A consumer of one partition; what it answers is set by the test."""

    polled: list[dict[TopicPartition, list[ConsumerRecord]]] = field(default_factory=list)
    commits: list[dict[TopicPartition, int]] = field(default_factory=list)
    commit_error: Exception | None = None
    commit_hangs: bool = False
    end: int | None = None
    at: int = 0
    answered_s_ago: float = 0.0
    pauses: list[bool] = field(default_factory=list)

    def assignment(self) -> set[TopicPartition]:
        return {PLACE}

    def pause(self, *partitions: TopicPartition) -> None:
        self.pauses.append(True)

    def paused(self) -> set[TopicPartition]:
        return {PLACE}

    def resume(self, *partitions: TopicPartition) -> None:
        self.pauses.append(False)

    def highwater(self, partition: TopicPartition) -> int | None:
        return self.end

    async def position(self, partition: TopicPartition) -> int:
        return self.at

    def last_poll_timestamp(self, partition: TopicPartition) -> float:
        return (time.time() - self.answered_s_ago) * 1000

    async def getmany(
        self, timeout_ms: int, max_records: int
    ) -> dict[TopicPartition, list[ConsumerRecord]]:
        await asyncio.sleep(0)
        return self.polled.pop(0) if self.polled else {}

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        if self.commit_hangs:
            await asyncio.Event().wait()
        if self.commit_error is not None:
            raise self.commit_error
        self.commits.append(offsets)


def subscriber(
    handler: object = None,
) -> tuple[StageSubscriber, ToldConsumer, LaneBroker]:
    lane = lane_broker(KafkaSettings(bootstrap_servers="127.0.0.1:1"))
    lane.add(stage(IN, OUT, handler or _nothing, name="told"))
    (sub,) = lane._stages
    consumer = ToldConsumer()
    sub.consumer, sub.running = consumer, True  # type: ignore[assignment]
    sub.assigned()
    lane._trouble = None
    return sub, consumer, lane


def one(offset: int = 0) -> ConsumerRecord:
    return raw(event_output(IN), offset)


async def _nothing(records: Sequence[Record[LeadErased]]) -> Sequence[Output]:
    return []


# -- epochs --------------------------------------------------------------------------------------
async def test_a_batch_that_outlives_its_assignment_notes_nothing() -> None:
    go_on = asyncio.Event()

    async def slow(records: Sequence[Record[LeadErased]]) -> Sequence[Output]:
        await go_on.wait()
        return []

    sub, consumer, _ = subscriber(slow)
    working = asyncio.create_task(sub._work((one(5),), sub.epoch))
    await eventually(lambda: sub.at_hand)
    sub.commits.epoch += 1  # the drain of a revocation ran out of time
    go_on.set()
    await working
    await sub.commits.commit(consumer)
    assert consumer.commits == []


async def test_a_batch_that_was_polled_before_the_revocation_does_not_begin() -> None:
    taken = []

    async def remember(records: Sequence[Record[LeadErased]]) -> Sequence[Output]:
        taken.extend(records)
        return []

    sub, _, _ = subscriber(remember)
    epoch = sub.epoch
    await sub.revoked()
    await sub._work((one(),), epoch)
    assert taken == []


async def test_a_revocation_lets_the_running_batch_finish_and_commits_it() -> None:
    go_on = asyncio.Event()

    async def slow(records: Sequence[Record[LeadErased]]) -> Sequence[Output]:
        await go_on.wait()
        return []

    sub, consumer, _ = subscriber(slow)
    working = asyncio.create_task(sub._work((one(5),), sub.epoch))
    await eventually(lambda: sub.at_hand)
    revoking = asyncio.create_task(sub.revoked())
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(working, revoking)
    assert consumer.commits == [{PLACE: 6}]
    assert not sub.joined


async def test_a_revocation_does_not_wait_for_a_batch_that_waits_for_postgres() -> None:
    async def down(records: Sequence[Record[LeadErased]]) -> Sequence[Output]:
        raise ConnectionRefusedError

    sub, consumer, _ = subscriber(down)
    working = asyncio.create_task(sub._work((one(),), sub.epoch))
    await eventually(lambda: sub.runner.waiting_for)
    async with asyncio.timeout(PATIENCE * 1):
        await sub.revoked()
        await working
    assert consumer.commits == []


# -- pauses --------------------------------------------------------------------------------------
async def test_records_that_a_rebalance_brings_while_paused_are_not_lost() -> None:
    sub, consumer, _ = subscriber()
    late = one(9)
    consumer.polled.append({PLACE: [late]})
    await EpochHost(sub, sub.epoch).idle(0.01)
    assert consumer.pauses == [True]
    assert await sub._take(consumer) == (late,)
    sub._resume()
    assert consumer.pauses == [True, False]


async def test_a_stop_ends_the_waiting() -> None:
    sub, _, _ = subscriber()
    host = EpochHost(sub, sub.epoch)
    sub.running = False
    with pytest.raises(Abandoned):
        await host.idle(10)


# -- commits -------------------------------------------------------------------------------------
@pytest.mark.parametrize("error", [CommitFailedError(), IllegalStateError()])
async def test_offsets_of_partitions_that_went_elsewhere_are_dropped(error: Exception) -> None:
    sub, consumer, _ = subscriber()
    sub.note([one(3)], sub.epoch)
    consumer.commit_error = error
    await sub.commits.commit(consumer)
    consumer.commit_error = None
    await sub.commits.commit(consumer)
    assert consumer.commits == []


async def test_a_commit_that_the_broker_failed_is_made_up_for_by_the_next() -> None:
    sub, consumer, _ = subscriber()
    sub.note([one(3)], sub.epoch)
    consumer.commit_error = KafkaConnectionError()
    await sub.commits.commit(consumer)
    consumer.commit_error = None
    sub.note([one(4)], sub.epoch)
    await sub.commits.commit(consumer)
    assert consumer.commits == [{PLACE: 5}]


async def test_a_commit_that_hangs_is_left_and_its_offsets_kept() -> None:
    sub, consumer, _ = subscriber()
    sub.note([one(3)], sub.epoch)
    consumer.commit_hangs = True
    async with asyncio.timeout(PATIENCE * 1):
        await sub.commits.commit(consumer, timeout=0.05)
    consumer.commit_hangs = False
    await sub.commits.commit(consumer)
    assert consumer.commits == [{PLACE: 4}]


# -- signs of life -------------------------------------------------------------------------------
async def test_an_idle_stage_says_when_its_broker_is_silent() -> None:
    sub, consumer, lane = subscriber()
    await sub.observer.look()
    assert lane.ready() is None
    consumer.answered_s_ago = 6
    await sub.observer.look()
    assert lane.ready() == "told: waiting_for=kafka"
    consumer.answered_s_ago = 0
    await sub.observer.look()
    assert lane.ready() is None


async def test_a_position_that_stands_still_while_records_wait_is_stuck() -> None:
    sub, consumer, _ = subscriber()
    sub.observer._patience_s = 0.05
    sub.observer._broker_answers = _yes
    consumer.end, consumer.at = 10, 10
    assert await sub.observer.look() is None
    consumer.end = 11

    async def look() -> str | None:
        sub.beat()  # it polls, and gets nothing
        return await sub.observer.look()

    assert "position has not moved" in await eventually(look)


async def test_a_stage_is_never_stuck_while_no_broker_answers() -> None:
    sub, consumer, _ = subscriber()
    sub.observer._patience_s = 0.0
    sub.observer._broker_answers = _no
    consumer.end, consumer.answered_s_ago = 11, 100
    for _ in range(3):
        assert await sub.observer.look() is None


async def _yes() -> bool:
    return True


async def _no() -> bool:
    return False
