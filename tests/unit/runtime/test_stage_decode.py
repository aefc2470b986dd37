"""Whatever a stranger puts on a topic costs that record alone: reading it never raises."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import UUID

import pytest
from aiokafka import ConsumerRecord
from hypothesis import given
from hypothesis import strategies as st

from schemas.assignment import AssignmentRequested
from schemas.cloudevents import Envelope, Headers
from services.runtime.records import Output, Record
from services.runtime.stage.decode import Fault, decode
from tests.support.examples import good
from tests.support.stages import raw

_GOOD = json.loads(good("assignment.requested.v1", "reject"))
_HEADERS = Envelope(
    id=UUID(int=1),
    type=AssignmentRequested.TYPE,
    source="test",
    subject="",
    time=datetime(2026, 11, 23, 9, tzinfo=UTC),
    traceparent=None,
).to_headers()
_FAR = [
    "0001-01-01T00:00:00+14:00",
    "0001-01-01T00:00:00Z",  # what Go and .NET write for a time that was not set
    "9999-12-31T23:59:59-14:00",
    "9999-12-31T23:59:59.999999Z",
]


def _record(value: bytes, headers: Headers = _HEADERS) -> ConsumerRecord:
    return raw(Output("assignment.requests.v1", b"key", value, headers))


def test_a_good_one_is_read() -> None:
    assert isinstance(decode(_record(json.dumps(_GOOD).encode()), AssignmentRequested), Record)


@pytest.mark.parametrize("at", _FAR)
def test_a_time_at_the_end_of_the_calendar_is_a_fault_of_the_record(at: str) -> None:
    value = json.dumps({**_GOOD, "requested_at": at}).encode()
    found = decode(_record(value), AssignmentRequested)
    assert isinstance(found, Fault)
    assert found.reason == "invalid"
    assert "requested_at" in found.detail


def test_what_a_validator_raises_costs_the_record_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: bytes) -> AssignmentRequested:
        raise OverflowError("an unforeseen value")

    monkeypatch.setattr(AssignmentRequested, "read", fail)
    found = decode(_record(b"{}"), AssignmentRequested)
    assert isinstance(found, Fault)
    assert found.reason == "invalid"
    assert "unforeseen" not in found.detail


_TEXTS = st.binary(max_size=40) | st.sampled_from([at.encode() for at in _FAR])


@given(
    st.binary(max_size=200), st.lists(st.tuples(st.sampled_from([n for n, _ in _HEADERS]), _TEXTS))
)
def test_any_bytes_under_any_headers_are_a_fault(
    value: bytes, headers: list[tuple[str, bytes]]
) -> None:
    found = decode(
        _record(value, tuple({**dict(_HEADERS), **dict(headers)}.items())), AssignmentRequested
    )
    assert isinstance(found, Fault)
