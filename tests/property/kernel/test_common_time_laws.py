"""Time that several schedules share, against an oracle that asks every minute of each clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from services.kernel.calendars import (
    Schedule,
    add_common_time,
    common_intervals,
    next_common_opening,
)
from tests.property.kernel.test_calendar_laws import CHANGES, MINUTE, Oracle, _calendar, weeks

few = settings(max_examples=100, deadline=None)
Case = tuple[list[Schedule], list[Oracle], datetime]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Up to three schedules of different zones and a minute, near a clock change."""
    name, day = draw(st.sampled_from(CHANGES))
    zones = [name, *draw(st.lists(st.sampled_from([zone for zone, _ in CHANGES]), max_size=2))]
    midnight = datetime.fromisoformat(day).replace(tzinfo=UTC)
    schedules, oracles = [], []
    for zone in zones[: draw(st.integers(0, 3))]:
        week = draw(weeks)
        rests = draw(
            st.sets(
                st.integers(-2, 3).map(lambda n: midnight.date() + timedelta(days=n)), max_size=1
            )
        )
        schedules.append(Schedule(_calendar(week, rests), ZoneInfo(zone)))
        oracles.append(Oracle(week, rests, ZoneInfo(zone)))
    return schedules, oracles, midnight + draw(st.integers(-36 * 60, 36 * 60)) * MINUTE


@few
@given(cases(), st.integers(0, 2 * 1440))
def test_common_time_is_the_minutes_in_which_all_are_open(case: Case, length: int) -> None:
    schedules, oracles, at = case
    end = at + length * MINUTE
    found = list(common_intervals(schedules, at, end))
    minutes = [at + n * MINUTE for n in range(length)]
    expected = {m for m in minutes if all(oracle.open(m) for oracle in oracles)}
    assert {m for m in minutes if any(a <= m < b for a, b in found)} == expected
    assert sum((b - a for a, b in found), timedelta()) == len(expected) * MINUTE
    points = [moment for pair in found for moment in pair]
    assert points == sorted(points)


@few
@given(cases(), st.integers(1, 600))
def test_a_deadline_is_the_end_of_the_nth_common_minute(case: Case, wanted: int) -> None:
    schedules, oracles, at = case
    within = timedelta(days=2)
    moment, counted = at, 0
    while counted < wanted and moment < at + within:
        counted += all(oracle.open(moment) for oracle in oracles)
        moment += MINUTE
    expected = moment if counted == wanted else None
    assert add_common_time(schedules, at, wanted * MINUTE, within) == expected


@few
@given(cases())
def test_the_next_opening_is_the_first_minute_in_which_all_are_open(case: Case) -> None:
    schedules, oracles, at = case
    coming = (at + n * MINUTE for n in range(2 * 1440))
    expected = next((m for m in coming if all(oracle.open(m) for oracle in oracles)), None)
    assert next_common_opening(schedules, at, timedelta(days=2)) == expected
