"""Bodies of the event doors, and the events that they become."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from schemas.activity import ActivityRecorded, is_page_view, lane_named
from schemas.base import Lane
from schemas.signal import SignalDetected
from services.capture import eventform
from services.capture.eventform import ActivityForm, NotUsable, SignalForm
from services.kernel.hints import activity_id, signal_id

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


def activity(**fields: Any) -> eventform.Drafted:
    return eventform.activity(ActivityForm(**{"activity": "call_connected"} | fields), "api", NOW)


def signal(**fields: Any) -> eventform.Drafted:
    form = SignalForm(**{"signal": "funding", "domain": "www.Northwind.example"} | fields)
    return eventform.signal(form, "api", NOW)


@pytest.mark.parametrize(
    ("hint", "key"),
    [
        ({"email": "Dana@Mail.Northwind.example"}, "northwind.example"),
        ({"email": "dana@gmail.com"}, "dana@gmail.com"),
        ({"domain": "www.northwind.example"}, "northwind.example"),
        ({"visitor_id": "v-1"}, "v-1"),
        ({"phone": "+49 30 901820"}, "+4930901820"),
    ],
)
def test_the_record_is_keyed_by_the_account_as_far_as_it_is_known(
    hint: dict[str, str], key: str
) -> None:
    assert activity(**hint).key == key


@pytest.mark.parametrize(
    ("name", "lane"),
    [
        ("email_replied", Lane.LIVE),
        ("meeting_booked", Lane.LIVE),
        ("trial_action", Lane.LIVE),
        ("page_view", Lane.BULK),
    ],
)
def test_what_somebody_waits_for_is_live(name: str, lane: Lane) -> None:
    done = activity(activity=name, visitor_id="v")
    assert done.lane is lane
    assert lane_named(done.headers) is lane, "readers of the other lane pass over it unread"
    assert is_page_view(done.headers) == (name == "page_view")
    assert lane_named(()) is None


@pytest.mark.parametrize(
    ("field", "value"), [("email", "a at b"), ("phone", "12"), ("domain", "gmail.com")]
)
def test_a_hint_that_is_none_is_named(field: str, value: str) -> None:
    with pytest.raises(NotUsable) as refused:
        activity(**{field: value})
    assert refused.value.field == field


def test_somebody_must_be_meant() -> None:
    with pytest.raises(ValidationError, match="one of lead_id"):
        ActivityForm(activity="won")  # type: ignore[arg-type]


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "1e999"])
def test_an_amount_is_a_number(amount: str) -> None:
    with pytest.raises(ValidationError, match="finite number"):
        ActivityForm(activity="won", visitor_id="v", amount=amount)  # type: ignore[arg-type]


def test_a_clock_that_runs_ahead_is_not_believed() -> None:
    event = activity(visitor_id="v", occurred_at=NOW + timedelta(hours=1)).event
    assert isinstance(event, ActivityRecorded)
    assert event.occurred_at == NOW


def test_door_and_consumers_recognise_a_repeat_by_the_same_id() -> None:
    done = activity(visitor_id="v", source="dialler", external_id="call-1")
    assert isinstance(done.event, ActivityRecorded)
    assert done.identity == activity_id(done.event, done.event.lead_id or done.identity)
    seen = signal(provider="newsdesk", external_id="n-1")
    assert isinstance(seen.event, SignalDetected)
    assert seen.identity == signal_id(seen.event)


def test_a_signal_without_an_id_counts_once_a_day_for_its_company() -> None:
    one, other = signal(detail="24 million"), signal(detail="twenty-four million")
    assert one.identity == other.identity
    assert signal(occurred_at=NOW - timedelta(days=1)).identity != one.identity
    assert signal(domain="contoso.example").identity != one.identity
    with pytest.raises(NotUsable):
        signal(domain="gmail.com")
