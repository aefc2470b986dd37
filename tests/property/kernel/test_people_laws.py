"""Laws of availability."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from services.kernel.calendars import Calendar
from services.kernel.people import (
    Available,
    Leave,
    Overlay,
    Rep,
    Window,
    availability,
    next_available,
    next_unavailable,
    window_end,
    window_start,
)

few = settings(max_examples=100, deadline=None)
ZONES = ("Europe/Berlin", "America/Havana", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Cairo")
MONTH = date(2026, 3, 1)
START = datetime(2026, 3, 1, tzinfo=UTC)

calendars = st.sampled_from(
    [
        {"hours": {"weekdays": ["09:00-12:00", "13:00-18:00"]}, "holidays": {"country": "DE"}},
        {"hours": {"every_day": "22:00-06:00"}},
        {"hours": {"every_day": "00:00-24:00"}, "days_off": ["2026-03-08", "2026-03-29"]},
        {"hours": {"sunday": "02:00-03:00"}},
    ]
).map(Calendar.model_validate)
leaves = st.builds(
    lambda first, length: Leave(
        first=MONTH + timedelta(days=first), last=MONTH + timedelta(days=first + length)
    ),
    st.integers(0, 60),
    st.integers(0, 9),
)
reps = st.builds(
    lambda zone, leave: Rep(
        id="ana",
        name="Ana",
        email="ana@acme.example",
        role="sdr",  # type: ignore[arg-type]
        time_zone=zone,
        calendar="x",
        leave=tuple(leave),
    ),
    st.sampled_from(ZONES),
    st.lists(leaves, max_size=3),
)
instants = st.integers(0, 60 * 1440).map(lambda minute: START + timedelta(minutes=minute))
overlays = st.builds(
    lambda paused, until: Overlay(paused=paused, paused_until=until), st.booleans(), instants
)


@few
@given(reps, calendars, instants, overlays)
def test_the_next_free_instant_is_free_and_the_first(
    rep: Rep, calendar: Calendar, at: datetime, overlay: Overlay
) -> None:
    found = next_available(rep, calendar, at, overlay)
    assert found is not None
    assert found >= at
    assert availability(rep, calendar, found, overlay) == Available()
    minutes = min((found - at) // timedelta(minutes=1), 3 * 1440)
    for minute in range(0, minutes, 7):
        earlier = at + timedelta(minutes=minute)
        assert availability(rep, calendar, earlier, overlay) != Available()


@few
@given(reps, calendars, instants)
def test_somebody_free_stays_free_until_then(rep: Rep, calendar: Calendar, at: datetime) -> None:
    if availability(rep, calendar, at) != Available():
        return
    end = next_unavailable(rep, calendar, at)
    if end is not None:
        assert availability(rep, calendar, end) != Available()
    minutes = 3 * 1440 if end is None else min((end - at) // timedelta(minutes=1), 3 * 1440)
    for minute in range(0, minutes, 11):
        assert availability(rep, calendar, at + timedelta(minutes=minute)) == Available()


near_changes = st.sampled_from(
    [
        ("Australia/Lord_Howe", datetime(2026, 4, 4, 15, tzinfo=UTC)),  # half an hour back
        ("Australia/Lord_Howe", datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),
        ("America/Havana", datetime(2026, 3, 8, 5, tzinfo=UTC)),  # midnight left out
        ("America/Havana", datetime(2026, 11, 1, 5, tzinfo=UTC)),  # midnight repeated
        ("Africa/Cairo", datetime(2026, 10, 29, 21, tzinfo=UTC)),
        ("Asia/Kathmandu", datetime(2026, 3, 1, tzinfo=UTC)),
    ]
)


@few
@given(near_changes, st.integers(-1500, 1500), st.sampled_from(Window))
def test_windows_cover_time_without_gap_or_overlap(
    change: tuple[str, datetime], minutes: int, window: Window
) -> None:
    where, at = ZoneInfo(change[0]), change[1] + timedelta(minutes=minutes)
    start, end = window_start(window, where, at), window_end(window, where, at)
    assert start <= at < end
    assert (start.tzinfo, end.tzinfo) == (UTC, UTC)
    assert window is not Window.HOUR or end - start <= timedelta(hours=1)
    assert window_start(window, where, end) == end
    assert window_start(window, where, start) == start
    assert window_start(window, where, end - timedelta(seconds=1)) == start
