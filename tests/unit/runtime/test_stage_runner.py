"""A batch and its end, without a broker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from aiokafka.errors import KafkaConnectionError
from asyncpg import exceptions as pg
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from schemas.erasure import LeadErased
from services.runtime.metrics import Metrics
from services.runtime.records import Output, Record
from services.runtime.stage import BadRecords, StageSpec
from services.runtime.stage.dead_letter import TOO_OLD
from services.runtime.stage.runner import StageRunner
from services.runtime.stage.spec import Abandoned, StageStopped
from tests.support.stages import ListHost, Sink, event_output, passed_on, raw, stage, topic

IN, OUT = topic("shell.in.v1"), topic("shell.out.v1")
DLQ = f"{IN.name}.svc.dlq"


def runner_of(spec: StageSpec[LeadErased], sink: Sink) -> StageRunner[LeadErased]:
    return StageRunner(spec, sink, Metrics(CollectorRegistry()))


def batch(count: int) -> list[Any]:
    return [raw(event_output(IN), offset) for offset in range(count)]


async def test_every_record_is_published_in_order_and_noted() -> None:
    sink, host = Sink(), ListHost()
    records = batch(5)
    await runner_of(stage(IN, OUT), sink).run(records, host)
    assert [out.key for out in sink.on(OUT)] == [record.key for record in records]
    assert host.noted == [0, 1, 2, 3, 4]


async def test_outputs_are_acknowledged_before_offsets_are_noted() -> None:
    host, seen = ListHost(), []

    def acknowledged(outputs: Sequence[Output]) -> None:
        seen.append((len(outputs), list(host.noted)))

    sink = Sink()
    spec = stage(IN, OUT, on_acknowledged=acknowledged)
    await runner_of(spec, sink).run(batch(3), host)
    assert seen == [(3, [])]


async def test_a_fault_in_the_acknowledgement_hook_costs_no_record() -> None:
    def acknowledged(outputs: Sequence[Output]) -> None:
        raise ZeroDivisionError

    sink, host = Sink(), ListHost()
    await runner_of(stage(IN, OUT, on_acknowledged=acknowledged), sink).run(batch(2), host)
    assert host.noted == [0, 1]
    assert not sink.on(DLQ)


async def test_what_the_headers_say_is_nothing_for_it_is_finished_unread_after_the_rest() -> None:
    records = [
        replace(one, value=b"{", headers=(*one.headers, ("ce_kind", b"noise")))
        if one.offset % 2
        else one
        for one in batch(5)
    ]
    sink, host = Sink(), ListHost()
    spec = replace(stage(IN, OUT), passes_over=lambda headers: ("ce_kind", b"noise") in headers)
    await runner_of(spec, sink).run(records, host)
    assert [out.key for out in sink.on(OUT)] == [records[n].key for n in (0, 2, 4)]
    assert sorted(host.noted) == [0, 1, 2, 3, 4]
    assert host.noted[:3] == [0, 2, 4], "the highest note stands for all before it"
    assert not sink.on(DLQ)


@given(count=st.integers(1, 40), data=st.data(), how=st.sampled_from(["decode", "raise", "refuse"]))
@settings(max_examples=150, deadline=None)
async def test_poison_costs_only_itself(count: int, data: st.DataObject, how: str) -> None:
    bad = data.draw(st.sets(st.integers(0, count - 1), max_size=min(count, 8)))
    records = batch(count)
    poison = {records[n].key for n in bad}
    if how == "decode":
        records = [
            replace(record, value=b"{}") if record.offset in bad else record for record in records
        ]
        poison = set()

    async def handle(taken: Sequence[Record[LeadErased]]) -> Sequence[Output]:
        found = [record for record in taken if record.key in poison]
        if found and how == "refuse":
            raise BadRecords({record.id: ("too_old", "older than 28 d") for record in found})
        if found:
            raise ValueError("poison")
        return [passed_on(record, OUT) for record in taken]

    sink, host = Sink(), ListHost()
    await runner_of(stage(IN, OUT, handle), sink).run(records, host)

    assert host.noted == list(range(count)), "each record is finished once, in order"
    expected = [record.key for record in records if record.offset not in bad]
    assert [out.key for out in sink.on(OUT)] == expected
    letters = sink.on(DLQ)
    assert [out.value for out in letters] == [records[n].value for n in sorted(bad)]
    reasons = {dict(out.headers)["x-handraise-reason"] for out in letters}
    assert reasons <= {{"decode": b"invalid", "raise": b"failed", "refuse": b"too_old"}[how]}


async def test_infrastructure_is_waited_for_and_never_dead_lettered() -> None:
    errors = [pg.DeadlockDetectedError("40P01"), ConnectionRefusedError(), KafkaConnectionError()]

    async def handle(taken: Sequence[Record[LeadErased]]) -> Sequence[Output]:
        if errors:
            raise errors.pop(0)
        return [passed_on(record, OUT) for record in taken]

    sink, host = Sink(), ListHost()
    runner = runner_of(stage(IN, OUT, handle), sink)
    await runner.run(batch(4), host)
    assert host.noted == [0, 1, 2, 3]
    assert len(host.waits) == 3
    assert all(0.05 <= wait <= 1 for wait in host.waits)
    assert len(sink.on(OUT)) == 4
    assert not sink.on(DLQ)
    assert runner.waiting_for is None


async def test_it_says_what_it_waits_for_while_it_waits() -> None:
    class Asking(ListHost):
        async def idle(self, seconds: float) -> None:
            said.append(runner.waiting_for)
            await super().idle(seconds)

    said: list[str | None] = []
    failures = [TimeoutError(), TimeoutError()]

    def fail(outputs: Sequence[Output]) -> None:
        if failures:
            raise failures.pop()

    runner = runner_of(stage(IN, OUT), Sink(fail=fail))
    await runner.run(batch(1), Asking())
    assert said == ["kafka", "kafka"]


async def test_only_the_publishing_is_repeated_when_the_broker_failed() -> None:
    calls = []

    async def handle(taken: Sequence[Record[LeadErased]]) -> Sequence[Output]:
        calls.append(len(taken))
        return [passed_on(record, OUT) for record in taken]

    failures = [KafkaConnectionError(), TimeoutError()]

    def fail(outputs: Sequence[Output]) -> None:
        if failures:
            raise failures.pop()

    sink, host = Sink(fail=fail), ListHost()
    await runner_of(stage(IN, OUT, handle), sink).run(batch(3), host)
    assert calls == [3]
    assert host.noted == [0, 1, 2]


async def test_a_batch_that_is_no_longer_ours_notes_nothing() -> None:
    def fail(outputs: Sequence[Output]) -> None:
        raise KafkaConnectionError

    host = ListHost(patience=5)
    with pytest.raises(Abandoned):
        await runner_of(stage(IN, OUT), Sink(fail=fail)).run(batch(3), host)
    assert not host.noted


async def test_what_was_finished_before_stays_noted() -> None:
    async def handle(taken: Sequence[Record[LeadErased]]) -> Sequence[Output]:
        if any(record.offset >= 2 for record in taken):
            if len(taken) > 1:
                raise ValueError("halve")
            raise ConnectionRefusedError
        return [passed_on(record, OUT) for record in taken]

    host = ListHost(patience=3)
    with pytest.raises(Abandoned):
        await runner_of(stage(IN, OUT, handle), Sink()).run(batch(4), host)
    assert host.noted == [0, 1]


async def test_a_bad_deploy_stops_the_stage_and_not_the_topic() -> None:
    async def handle(taken: Sequence[Record[LeadErased]]) -> Sequence[Output]:
        raise AttributeError("a typo in a release")

    sink, host = Sink(), ListHost()
    with pytest.raises(StageStopped, match="in a row"):
        await runner_of(stage(IN, OUT, handle, name="routing"), sink).run(batch(100), host)
    assert len(sink.on(DLQ)) == 20
    assert host.noted == list(range(20)), "the 21st stays in the topic"


async def test_however_many_are_too_old_the_stage_goes_on_and_nothing_is_decided() -> None:
    decided: list[bytes | None] = []

    async def handle(taken: Sequence[Record[LeadErased]]) -> Sequence[Output]:
        old = {r.id: (TOO_OLD, "repeats are known since then") for r in taken if r.offset < 1990}
        if old:
            raise BadRecords(old)
        decided.extend(record.key for record in taken)
        return [passed_on(record, OUT) for record in taken]

    sink, host = Sink(), ListHost()
    runner = runner_of(stage(IN, OUT, handle), sink)
    records = batch(2000)
    for start in range(0, 2000, 500):
        await runner.run(records[start : start + 500], host)
    assert host.noted == list(range(2000)), "a group that was reset gets through"
    assert [out.value for out in sink.on(DLQ)] == [one.value for one in records[:1990]]
    assert {dict(out.headers)["x-handraise-reason"] for out in sink.on(DLQ)} == {b"too_old"}
    assert decided == [one.key for one in records[1990:]]


async def test_what_is_too_old_excuses_no_bad_deploy() -> None:
    async def handle(taken: Sequence[Record[LeadErased]]) -> Sequence[Output]:
        if old := {r.id: (TOO_OLD, "x") for r in taken if r.offset % 2}:
            raise BadRecords(old)
        raise AttributeError("a typo in a release")

    sink, host = Sink(), ListHost()
    with pytest.raises(StageStopped, match="in a row"):
        await runner_of(stage(IN, OUT, handle), sink).run(batch(100), host)
    reasons = [dict(out.headers)["x-handraise-reason"] for out in sink.on(DLQ)]
    assert reasons.count(b"failed") == 20


async def test_an_output_that_is_too_large_takes_nothing_with_it() -> None:
    records = batch(8)
    large = records[5].key

    async def handle(taken: Sequence[Record[LeadErased]]) -> Sequence[Output]:
        outs = [passed_on(record, OUT) for record in taken]
        return [replace(out, value=b"x" * 1_000_000) if out.key == large else out for out in outs]

    sink, host = Sink(), ListHost()
    await runner_of(stage(IN, OUT, handle), sink).run(records, host)
    assert [out.key for out in sink.on(OUT)] == [r.key for r in records if r.key != large]
    (letter,) = sink.on(DLQ)
    assert letter.value == records[5].value
    assert dict(letter.headers)["x-handraise-reason"] == b"too_large"
    assert host.noted == list(range(8))


async def test_dead_letters_wait_for_the_broker_too() -> None:
    failures = [TimeoutError(), KafkaConnectionError()]

    def fail(outputs: Sequence[Output]) -> None:
        if outputs[0].topic == DLQ and failures:
            raise failures.pop()

    sink, host = Sink(fail=fail), ListHost()
    poisoned = [replace(batch(1)[0], value=b"not json")]
    await runner_of(stage(IN, OUT), sink).run(poisoned, host)
    assert len(sink.on(DLQ)) == 1
    assert host.noted == [0]


async def test_a_handler_that_refuses_strangers_is_a_bug_not_an_endless_loop() -> None:
    async def handle(taken: Sequence[Record[LeadErased]]) -> Sequence[Output]:
        stranger = passed_on(taken[0], OUT)
        raise BadRecords({uuid4(): ("x", stranger.topic)})

    sink, host = Sink(), ListHost()
    await runner_of(stage(IN, OUT, handle), sink).run(batch(3), host)
    assert len(sink.on(DLQ)) == 3


async def test_metrics_tell_durations_batches_and_reasons() -> None:
    registry = CollectorRegistry()
    spec = stage(IN, OUT, name="metered")
    runner = StageRunner(spec, Sink(), Metrics(registry))
    records = batch(2)
    records[1] = replace(records[1], value=b"{}")
    await runner.run(records, ListHost())
    labels = {"stage": "metered", "lane": "live"}
    assert registry.get_sample_value("handraise_stage_duration_seconds_count", labels) == 1
    dead = {"stage": "metered", "reason": "invalid"}
    assert registry.get_sample_value("handraise_dead_letters_total", dead) == 1


async def test_the_handler_gets_what_was_in_the_topic() -> None:
    taken: list[Record[LeadErased]] = []

    async def handle(records: Sequence[Record[LeadErased]]) -> Sequence[Output]:
        taken.extend(records)
        return []

    original = raw(event_output(IN), 3)
    await runner_of(stage(IN, OUT, handle), Sink()).run([original], ListHost())
    (record,) = taken
    assert (record.key, record.value, record.headers) == (
        original.key,
        original.value,
        original.headers,
    )
