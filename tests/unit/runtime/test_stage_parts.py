"""The pure parts of the stage shell."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from uuid import UUID

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import (
    KafkaConnectionError,
    MessageSizeTooLargeError,
    OutOfOrderSequenceNumber,
)
from asyncpg import exceptions as pg
from hypothesis import given
from hypothesis import strategies as st
from tenacity import RetryCallState

from schemas.erasure import LeadErased
from services.runtime.kafka_client import RateLimit
from services.runtime.producer import OutputTooLarge, check_sizes
from services.runtime.records import Output, Record
from services.runtime.stage.budget import DeadLetterBudget
from services.runtime.stage.classify import BACK_OFF, fault_of, waiting_for
from services.runtime.stage.dead_letter import dead_letter
from services.runtime.stage.decode import Fault, Tombstone, decode, describe
from services.runtime.stage.gate import LaneGate
from services.runtime.stage.offsets import OffsetNotes
from services.runtime.stage.watchdog import Signs, verdict
from tests.support.stages import AT, event_output, raw, topic
from tests.support.waiting import PATIENCE

IN = topic("shell.parts.v1")


# -- whose fault ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("error", "publishing", "expected"),
    [
        (pg.DeadlockDetectedError("40P01"), False, "postgres"),
        (pg.TooManyConnectionsError("53300"), False, "postgres"),
        (pg.AdminShutdownError("57P01"), False, "postgres"),
        (pg.LockNotAvailableError("55P03"), False, "postgres"),
        (pg.ConnectionDoesNotExistError("08003"), False, "postgres"),
        (ConnectionRefusedError(), False, "postgres"),
        (TimeoutError(), False, "postgres"),
        (TimeoutError(), True, "kafka"),
        (ConnectionResetError(), True, "kafka"),
        (KafkaConnectionError(), True, "kafka"),
        (OutOfOrderSequenceNumber(), True, "kafka"),
        (KafkaConnectionError(), False, "kafka"),
        (pg.UniqueViolationError("23505"), False, None),
        (pg.DataError("22000"), False, None),
        (MessageSizeTooLargeError("x"), True, None),
        (OutputTooLarge("t", 10), False, None),
        (ValueError("x"), False, None),
        (KeyError("x"), True, None),
        (ExceptionGroup("both", [TimeoutError(), KafkaConnectionError()]), False, "postgres"),
        (ExceptionGroup("one", [KafkaConnectionError(), ValueError("x")]), False, None),
    ],
)
def test_what_an_error_asks_us_to_wait_for(
    error: Exception, publishing: bool, expected: str | None
) -> None:
    assert waiting_for(error, publishing=publishing) == expected


def test_back_off_stays_between_50_ms_and_1_s() -> None:
    state = RetryCallState(None, None, (), {})  # type: ignore[arg-type]
    waits = []
    for attempt in range(1, 40):
        state.attempt_number = attempt
        waits.append(BACK_OFF(state))
    assert min(waits) >= 0.05
    assert max(waits) <= 1.0
    assert waits[0] <= 0.1


def test_too_large_has_a_reason_of_its_own() -> None:
    assert fault_of(OutputTooLarge("t.v1", 1_000_000)).reason == "too_large"
    assert fault_of(MessageSizeTooLargeError("x")).reason == "too_large"
    assert fault_of(ValueError("x")).reason == "failed"


def test_a_fault_names_class_and_place_but_no_value() -> None:
    try:
        raise ValueError("ada@lovelace.example")
    except ValueError as error:
        fault = fault_of(error)
    assert "ValueError" in fault.detail
    assert "test_stage_parts" in fault.detail
    assert "lovelace" not in fault.detail


# -- decoding ------------------------------------------------------------------------------------
def test_a_good_record_is_decoded_with_its_place() -> None:
    record = decode(raw(event_output(IN), offset=7, partition=3), LeadErased)
    assert isinstance(record, Record)
    assert (record.topic, record.partition, record.offset) == (IN.name, 3, 7)
    assert record.event.erased_at == AT


def test_what_a_newer_producer_adds_is_ignored() -> None:
    out = event_output(IN)
    newer = replace(out, value=out.value[:-1] + b', "from_the_future": 1}')
    assert isinstance(decode(raw(newer), LeadErased), Record)


def test_undecodable_records_say_why_without_their_values() -> None:
    good = event_output(IN)
    bad_value = replace(good, value=b'{"lead_id": "ada@lovelace.example"}')
    fault = decode(raw(bad_value), LeadErased)
    assert isinstance(fault, Fault)
    assert fault.reason == "invalid"
    assert "lead_id" in fault.detail
    assert "erased_at: missing" in fault.detail
    assert "lovelace" not in fault.detail

    no_envelope = decode(raw(replace(good, headers=())), LeadErased)
    assert isinstance(no_envelope, Fault)
    assert no_envelope.reason == "not_a_cloudevent"

    not_text = [(n, b"\xff\xfe" if n == "ce_id" else v) for n, v in good.headers]
    assert isinstance(decode(raw(replace(good, headers=tuple(not_text))), LeadErased), Fault)

    other = [(n, b"com.other.v1" if n == "ce_type" else v) for n, v in good.headers]
    unexpected = decode(raw(replace(good, headers=tuple(other))), LeadErased)
    assert isinstance(unexpected, Fault)
    assert unexpected.reason == "unexpected_type"


def test_a_strangers_id_is_any_text_that_is_unique_for_its_source() -> None:
    good = event_output(IN)

    def identity(ce_id: bytes, source: bytes = b"urn:crm") -> UUID:
        said = {"ce_id": ce_id, "ce_source": source}
        headers = tuple((name, said.get(name, value)) for name, value in good.headers)
        record = decode(raw(replace(good, headers=headers)), LeadErased)
        assert isinstance(record, Record)
        return record.id

    assert identity(b"accept-1") == identity(b"accept-1")
    others = {identity(b"accept-1"), identity(b"accept-2"), identity(b"accept-1", b"urn:dialler")}
    assert len(others) == 3
    ours = b"6f1b2330-1db4-5093-82b3-36290b2cba3e"
    assert identity(ours) == identity(ours, b"urn:dialler") == UUID(ours.decode())
    nothing = tuple((name, b"" if name == "ce_id" else value) for name, value in good.headers)
    assert isinstance(decode(raw(replace(good, headers=nothing)), LeadErased), Fault)


def test_a_tombstone_is_work_only_where_nothing_may_be_deleted() -> None:
    gone = replace(event_output(IN), value=None)  # type: ignore[arg-type]
    assert isinstance(decode(raw(gone), LeadErased, {IN.name}), Tombstone)
    fault = decode(raw(gone), LeadErased)
    assert isinstance(fault, Fault)
    assert fault.reason == "empty"


@given(st.binary(max_size=200), st.lists(st.tuples(st.text(max_size=10), st.binary(max_size=20))))
def test_no_bytes_make_decoding_raise(value: bytes, headers: list[tuple[str, bytes]]) -> None:
    strange = Output(IN.name, b"k", value, tuple(headers))
    assert isinstance(decode(raw(strange), LeadErased), Fault)
    with_envelope = replace(event_output(IN), value=value)
    assert isinstance(decode(raw(with_envelope), LeadErased), Record | Fault)


def test_describe_survives_an_error_without_a_place() -> None:
    assert describe(RuntimeError("secret")) == "RuntimeError"


# -- dead letters --------------------------------------------------------------------------------
def test_a_dead_letter_keeps_bytes_key_and_headers_and_says_where_it_lay() -> None:
    out = event_output(IN)
    letter = dead_letter(
        raw(out, offset=41, partition=2),
        Fault("failed", "x" * 5000),
        service="svc",
        stage="routing",
        attempt=3,
        at=AT,
    )
    assert letter.topic == f"{IN.name}.svc.dlq"
    assert (letter.key, letter.value) == (out.key, out.value)
    assert letter.headers[: len(out.headers)] == out.headers
    added = dict(letter.headers[len(out.headers) :])
    assert added["x-handraise-reason"] == b"failed"
    assert added["x-handraise-topic"] == IN.name.encode()
    assert added["x-handraise-partition"] == b"2"
    assert added["x-handraise-offset"] == b"41"
    assert added["x-handraise-stage"] == b"routing"
    assert added["x-handraise-attempt"] == b"3"
    assert added["x-handraise-at"] == AT.isoformat().encode()
    assert len(added["x-handraise-detail"]) == 500


# -- the budget ----------------------------------------------------------------------------------
def test_twenty_in_a_row_are_buried_and_the_next_is_refused() -> None:
    budget = DeadLetterBudget()
    for _ in range(20):
        assert budget.refusal() is None
        budget.buried()
    assert "in a row" in (budget.refusal() or "")
    budget.finished(1)
    assert budget.refusal() is None


def test_five_percent_of_the_last_thousand_stop_the_stage() -> None:
    budget = DeadLetterBudget()
    for _ in range(49):
        budget.finished(15)
        assert budget.refusal() is None
        budget.buried()
    budget.finished(15)
    assert "of the last 1000" in (budget.refusal() or "")


@given(st.lists(st.tuples(st.integers(20, 60), st.booleans()), max_size=200))
def test_rare_dead_letters_never_stop_a_stage(steps: list[tuple[int, bool]]) -> None:
    budget = DeadLetterBudget()
    for good, bad in steps:
        budget.finished(good)
        if bad:
            assert budget.refusal() is None
            budget.buried()


# -- offsets -------------------------------------------------------------------------------------
def test_notes_are_the_offset_after_the_last_finished_record_per_partition() -> None:
    notes = OffsetNotes()
    out = event_output(IN)
    notes.note([raw(out, 4, 0), raw(out, 5, 0), raw(out, 9, 1)])
    a, b = TopicPartition(IN.name, 0), TopicPartition(IN.name, 1)
    assert notes.take() == {a: 6, b: 10}
    assert not notes


@given(st.lists(st.lists(st.integers(0, 50), min_size=1), min_size=1))
def test_a_failed_commit_never_moves_an_offset_back(rounds: list[list[int]]) -> None:
    notes, highest = OffsetNotes(), 0
    place = TopicPartition(IN.name, 0)
    out = event_output(IN)
    for offsets in rounds:
        taken = notes.take()
        notes.note([raw(out, offset) for offset in offsets])
        notes.restore(taken)  # the commit that ran meanwhile failed
        highest = max(highest, max(offsets) + 1)
        assert notes.take().get(place) == highest
        notes.restore({place: highest})


# -- sizes ---------------------------------------------------------------------------------------
def test_an_output_over_the_limit_is_found_before_anything_is_sent() -> None:
    small, large = event_output(IN), replace(event_output(IN), value=b"x" * 900_001)
    check_sizes([small])
    with pytest.raises(OutputTooLarge):
        check_sizes([small, large])


# -- the gate ------------------------------------------------------------------------------------
async def test_bulk_waits_for_a_gap_in_the_live_work() -> None:
    gate = LaneGate(most_wait_s=60)
    order = []
    async with asyncio.timeout(PATIENCE * 2):
        with gate.live():
            turn = asyncio.create_task(gate.turn())
            turn.add_done_callback(lambda _: order.append("bulk"))
            await asyncio.sleep(0)
            assert not turn.done()
            order.append("live")
        await turn
        await gate.turn()  # nothing live: at once
    assert order == ["live", "bulk"]


async def test_bulk_is_never_starved() -> None:
    gate = LaneGate(most_wait_s=0.01)
    with gate.live():
        async with asyncio.timeout(PATIENCE * 2):
            await gate.turn()


def test_the_lanes_of_a_service_share_one_gate() -> None:
    assert LaneGate.of("a-service") is LaneGate.of("a-service")
    assert LaneGate.of("a-service") is not LaneGate.of("another")


# -- the watchdog --------------------------------------------------------------------------------
QUIET = Signs(beat_at=100, working=False, retrying=False, behind_since=None, fetch_age_s=0.3)


@pytest.mark.parametrize(
    ("signs", "broker_answers", "stuck"),
    [
        (QUIET, True, False),
        (replace(QUIET, beat_at=60), True, True),
        (replace(QUIET, beat_at=60), False, False),  # no broker: it waits, rightly
        (replace(QUIET, beat_at=60, retrying=True), True, False),
        (replace(QUIET, beat_at=60, working=True), False, True),  # a handler hangs
        (replace(QUIET, behind_since=60), True, True),
        (replace(QUIET, behind_since=60), False, False),
        (replace(QUIET, behind_since=95), True, False),
        (replace(QUIET, fetch_age_s=31), True, True),
        (replace(QUIET, fetch_age_s=31), False, False),
        (replace(QUIET, fetch_age_s=31, working=True), True, False),
    ],
)
def test_when_a_stage_counts_as_stuck(signs: Signs, broker_answers: bool, stuck: bool) -> None:
    assert (verdict(signs, 101, broker_answers) is not None) is stuck


# -- the log -------------------------------------------------------------------------------------
def test_a_message_that_repeats_is_let_through_a_few_times(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    limit = RateLimit(most=3, period_s=10)

    def record() -> logging.LogRecord:
        return logging.LogRecord("aiokafka.x", logging.ERROR, "", 0, "no %s", ("leader",), None)

    assert sum(limit.filter(record()) for _ in range(1000)) == 3
    clock[0] = 11
    summary = record()
    assert limit.filter(summary)
    assert "997 more in 11 s" in summary.getMessage()
