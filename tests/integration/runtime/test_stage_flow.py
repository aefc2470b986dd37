"""One member of a stage over a socket."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.producer import message_accumulator
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from asyncpg import exceptions as pg
from confluent_kafka import Producer

from schemas.base import Lane
from schemas.erasure import LeadErased
from services.runtime.embedded.ports import free_port
from services.runtime.records import Output, Record
from services.runtime.settings import KafkaSettings
from services.runtime.stage.gate import LaneGate
from tests.support.kafka import Broker
from tests.support.stages import (
    NoText,
    committed,
    contents,
    event_output,
    lane_broker,
    passed_on,
    publish,
    running,
    size,
    stage,
    topics_on,
)
from tests.support.waiting import PATIENCE, eventually


@pytest.fixture
def kafka_at(kafka: Broker) -> Broker:
    """The best broker that can be had; the in-process one gives a group its members after 3 s."""
    return kafka


async def test_the_in_process_broker_carries_a_stage(mock_kafka: Broker) -> None:
    kafka = mock_kafka.settings
    source, to = await topics_on(kafka)
    async with running(kafka, stage(source, to)) as broker:
        await broker.publish([event_output(source) for _ in range(20)])
        await eventually(lambda: _all_out(kafka, to.name, 20))


async def test_records_of_other_producers_are_read_however_they_are_compressed(
    mock_kafka: Broker,
) -> None:
    kafka = mock_kafka.settings
    source, to = await topics_on(kafka)
    codecs = ("none", "gzip", "snappy", "lz4", "zstd")

    def produce(codec: str) -> None:
        theirs = Producer(
            {
                "bootstrap.servers": kafka.bootstrap_servers,
                "compression.type": codec,
                "linger.ms": 100,  # so that they travel in one batch, which is worth compressing
            }
        )
        for out in [event_output(source, key=codec) for _ in range(20)]:
            theirs.produce(source.name, out.value, out.key, headers=list(out.headers))
        theirs.flush(10)

    async with running(kafka, stage(source, to)):
        for codec in codecs:
            await asyncio.to_thread(produce, codec)
        await eventually(lambda: _all_out(kafka, to.name, 20 * len(codecs)))


async def test_a_header_s_name_that_is_no_utf_8_stops_and_loses_nothing(
    mock_kafka: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    kafka = mock_kafka.settings
    monkeypatch.setattr(  # the fast one takes nothing but names of aiokafka's own encoding
        message_accumulator, "DefaultRecordBatchBuilder", _DefaultRecordBatchBuilderPy
    )
    source, to = await topics_on(kafka)
    servers = kafka.bootstrap_servers
    theirs = AIOKafkaProducer(bootstrap_servers=servers)
    await theirs.start()
    try:
        batch = theirs.create_batch()  # one fetch, with good records before and behind
        for at in range(9):
            out = event_output(source)
            odd = [(NoText("xx"), b"1")] if at % 4 == 2 else []
            batch.append(key=out.key, value=out.value, timestamp=None,
                         headers=[*out.headers, *odd])  # fmt: skip
        batch.close()
        await (await theirs.send_batch(batch, source.name, partition=0))
    finally:
        await theirs.stop()
    async with running(kafka, stage(source, to)):
        await eventually(lambda: _all_out(kafka, to.name, 9))


async def test_one_of_several_addresses_is_enough(mock_kafka: Broker) -> None:
    kafka = mock_kafka.settings
    source, to = await topics_on(kafka)
    several = kafka.model_copy(
        update={"bootstrap_servers": f"127.0.0.1:{free_port()},{kafka.bootstrap_servers}"}
    )
    async with running(several, stage(source, to)) as broker:
        await broker.publish([event_output(source)])
        await eventually(lambda: _all_out(kafka, to.name, 1))


async def test_a_stage_that_rests_lets_time_pass_between_batches(mock_kafka: Broker) -> None:
    kafka = mock_kafka.settings
    source, to = await topics_on(kafka)
    taken: list[float] = []

    async def note(records: Sequence[Record[LeadErased]]) -> Sequence[Output]:
        taken.append(time.monotonic())
        return []

    async with running(kafka, replace(stage(source, to, note), rest_s=0.5)) as broker:
        await eventually(lambda: broker.ready() is None)
        for _ in range(3):
            await broker.publish([event_output(source, key="one")])
        await eventually(lambda: len(taken) == 3, 30)
    assert all(later - earlier >= 0.45 for earlier, later in pairwise(taken))


async def test_records_pass_in_order_of_their_key_and_are_committed(kafka_at: Broker) -> None:
    kafka = kafka_at.settings
    source, to = await topics_on(kafka)
    keys = [f"account-{n % 7}" for n in range(300)]
    sent = [event_output(source, key=key) for key in keys]

    async def keep_key(records: Sequence[Record[LeadErased]]) -> Sequence[Output]:
        return [replace(passed_on(r, to), key=r.key or b"") for r in records]

    spec = stage(source, to, keep_key)
    async with running(kafka, spec) as broker:
        await eventually(lambda: broker.ready() is None)
        await broker.publish(sent)
        await eventually(lambda: _all_out(kafka, to.name, 300))
    arrived = await contents(kafka, to.name)
    for key in set(keys):
        expected = [out.value for out in sent if out.key == key.encode()]
        assert [r.value for r in arrived if r.key == key.encode()] == expected
    assert await committed(kafka, spec.name, source.name) == 300


async def test_a_new_group_reads_what_was_there_before_it(kafka_at: Broker) -> None:
    kafka = kafka_at.settings
    source, to = await topics_on(kafka)
    await publish(kafka, [event_output(source) for _ in range(20)])
    async with running(kafka, stage(source, to)):
        await eventually(lambda: _all_out(kafka, to.name, 20))


async def test_a_restart_goes_on_where_the_last_commit_was(kafka_at: Broker) -> None:
    kafka = kafka_at.settings
    source, to = await topics_on(kafka)
    spec = stage(source, to)
    await publish(kafka, [event_output(source) for _ in range(50)])
    async with running(kafka, spec):
        await eventually(lambda: _all_out(kafka, to.name, 50))
    await publish(kafka, [event_output(source) for _ in range(50)])
    async with running(kafka, spec):
        await eventually(lambda: _all_out(kafka, to.name, 100))
    assert len(await contents(kafka, to.name)) == 100, "nothing twice after a graceful stop"


async def test_poison_costs_only_itself_over_the_wire(kafka_at: Broker) -> None:
    kafka = kafka_at.settings
    source, to = await topics_on(kafka)
    good = [event_output(source) for _ in range(40)]
    poison = replace(event_output(source), value=b"\xffnot json", key=b"who")
    async with running(kafka, stage(source, to)):
        await publish(kafka, [*good[:20], poison, *good[20:]])
        await eventually(lambda: _all_out(kafka, to.name, 40))
        await eventually(lambda: _all_out(kafka, f"{source.name}.svc.dlq", 1))
    (letter,) = await contents(kafka, f"{source.name}.svc.dlq")
    assert (letter.key, letter.value) == (poison.key, poison.value)
    headers = dict(letter.headers)
    assert headers["ce_id"] == dict(poison.headers)["ce_id"]
    assert headers["x-handraise-reason"] == b"invalid"


async def test_while_postgres_is_down_it_stays_in_the_group_and_says_so(
    kafka_at: Broker,
) -> None:
    kafka = kafka_at.settings
    source, to = await topics_on(kafka)
    down, polls = True, []

    async def handle(records: Sequence[Record[LeadErased]]) -> Sequence[Output]:
        if down:
            raise pg.CannotConnectNowError("57P03")
        return [passed_on(record, to) for record in records]

    async with running(kafka, stage(source, to, handle, name="needs-postgres")) as broker:
        (subscriber,) = broker._stages
        await broker.publish([event_output(source) for _ in range(10)])
        await eventually(lambda: broker.ready() == "needs-postgres: waiting_for=postgres")
        # Records that come meanwhile are not taken, yet the group hears from us: the loop polls.
        await broker.publish([event_output(source) for _ in range(10)])
        for _ in range(3):
            before = subscriber.beat_at
            await eventually(lambda: subscriber.beat_at > before)  # noqa: B023
            polls.append(subscriber.beat_at)
        assert subscriber.paused
        assert subscriber.ahead == ()
        assert not broker.failed.is_set()
        assert not await contents(kafka, f"{source.name}.svc.dlq")
        down = False
        await eventually(lambda: _all_out(kafka, to.name, 20))
        await eventually(lambda: broker.ready() is None)
        assert not subscriber.paused


async def test_a_stop_lets_the_running_batch_finish_and_commits_it(kafka_at: Broker) -> None:
    kafka = kafka_at.settings
    source, to = await topics_on(kafka)
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(records: Sequence[Record[LeadErased]]) -> Sequence[Output]:
        begun.set()
        await go_on.wait()
        return [passed_on(record, to) for record in records]

    spec = stage(source, to, slow)
    broker = lane_broker(kafka)
    broker.add(spec)
    await broker.start()
    await broker.publish([event_output(source)])
    await begun.wait()
    stopping = asyncio.create_task(broker.stop())
    await asyncio.sleep(0)
    go_on.set()
    async with asyncio.timeout(PATIENCE * 5):
        await stopping
    assert len(await contents(kafka, to.name)) == 1
    assert await committed(kafka, spec.name, source.name) == 1


async def test_a_batch_that_hangs_does_not_hold_up_a_stop_for_more_than_5_s(
    kafka_at: Broker,
) -> None:
    kafka = kafka_at.settings
    source, to = await topics_on(kafka)
    begun = asyncio.Event()

    async def hang(records: Sequence[Record[LeadErased]]) -> Sequence[Output]:
        begun.set()
        await asyncio.Event().wait()
        return []

    spec = stage(source, to, hang)
    broker = lane_broker(kafka)
    broker.add(spec)
    await broker.start()
    await broker.publish([event_output(source)])
    await begun.wait()
    started = time.monotonic()
    await broker.stop()
    assert time.monotonic() - started < PATIENCE * 5
    assert await committed(kafka, spec.name, source.name) == 0, "it comes again"


async def test_too_many_dead_letters_take_the_lane_down_with_the_reason(
    kafka_at: Broker,
) -> None:
    kafka = kafka_at.settings
    source, to = await topics_on(kafka)

    async def broken(records: Sequence[Record[LeadErased]]) -> Sequence[Output]:
        raise AttributeError("typo")

    spec = stage(source, to, broken, name="broken-deploy")
    async with running(kafka, spec) as broker:
        await broker.publish([event_output(source) for _ in range(60)])
        await asyncio.wait_for(broker.failed.wait(), 10)
        assert "in a row" in (broker.reason or "")
        assert broker.ready() == broker.reason
    assert len(await contents(kafka, f"{source.name}.svc.dlq")) == 20
    assert await committed(kafka, spec.name, source.name) == 20


async def test_a_handler_that_hangs_is_found_by_the_watchdog(kafka_at: Broker) -> None:
    kafka = kafka_at.settings
    source, to = await topics_on(kafka)

    async def hang(records: Sequence[Record[LeadErased]]) -> Sequence[Output]:
        await asyncio.Event().wait()
        return []

    broker = lane_broker(kafka)
    broker.add(stage(source, to, hang, name="hanging"))
    (subscriber,) = broker._stages
    subscriber.observer._patience_s = 0.5
    await broker.start()
    try:
        await broker.publish([event_output(source)])
        await asyncio.wait_for(broker.failed.wait(), 10)
        assert "hanging is stuck: a batch has been running" in (broker.reason or "")
    finally:
        await broker.stop()


async def test_lag_is_the_age_of_the_oldest_unfinished_record(kafka_at: Broker) -> None:
    kafka = kafka_at.settings
    source, to = await topics_on(kafka)
    go_on = asyncio.Event()

    async def wait(records: Sequence[Record[LeadErased]]) -> Sequence[Output]:
        await go_on.wait()
        return []

    broker = lane_broker(kafka)
    broker.add(stage(source, to, wait, name="lagging"))
    await broker.start()

    def lag() -> float:
        value = broker._metrics.registry.get_sample_value(
            "handraise_consumer_lag_seconds", {"stage": "lagging", "lane": "live"}
        )
        return value or 0.0

    try:
        await broker.publish([event_output(source)])
        await eventually(lambda: lag() > 0.5)
        go_on.set()
        await eventually(lambda: lag() == 0)
    finally:
        await broker.stop()


async def test_bulk_gives_way_while_live_works(kafka_at: Broker) -> None:
    kafka = kafka_at.settings
    live_in, bulk_in, to = await topics_on(kafka, 3)
    go_on, order, gate = asyncio.Event(), [], LaneGate(most_wait_s=30)

    async def live(records: Sequence[Record[LeadErased]]) -> Sequence[Output]:
        order.append("live begins")
        await go_on.wait()
        order.append("live ends")
        return []

    async def bulk(records: Sequence[Record[LeadErased]]) -> Sequence[Output]:
        order.append("bulk")
        return []

    lanes = []
    for which, source, handler in ((Lane.LIVE, live_in, live), (Lane.BULK, bulk_in, bulk)):
        broker = lane_broker(kafka, which)
        broker._gate = gate
        broker.add(stage(source, to, handler, lane=which))
        await broker.start()
        lanes.append(broker)
    try:
        await lanes[0].publish([event_output(live_in)])
        await eventually(lambda: "live begins" in order)
        await lanes[0].publish([event_output(bulk_in)])
        await eventually(lambda: gate._idle is not None)
        go_on.set()
        await eventually(lambda: "bulk" in order)
    finally:
        for broker in lanes:
            await broker.stop()
    assert order == ["live begins", "live ends", "bulk"]


@pytest.mark.parametrize("count", [1, 1000])
async def test_a_batch_is_what_is_there_and_never_waits_for_more(
    kafka_at: Broker, count: int
) -> None:
    kafka, sizes = kafka_at.settings, []
    source, to = await topics_on(kafka)

    async def measure(records: Sequence[Record[LeadErased]]) -> Sequence[Output]:
        sizes.append(len(records))
        return []

    async with running(kafka, stage(source, to, measure, max_records=400)) as broker:
        await broker.publish([event_output(source) for _ in range(count)])
        await eventually(lambda: sum(sizes) == count)
    assert max(sizes) <= 400


async def _all_out(kafka: KafkaSettings, name: str, count: int) -> bool:
    return await size(kafka, name) >= count
