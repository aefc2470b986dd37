"""Calendars against a minute-by-minute oracle, across clock changes of many zones."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from services.kernel.calendars import (
    Calendar,
    add_business_time,
    business_seconds,
    is_open,
    next_change,
    next_open,
    open_intervals,
)

few = settings(max_examples=100, deadline=None)
MINUTE = timedelta(minutes=1)
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

CHANGES = (
    ("Europe/Berlin", "2026-03-29"),
    ("Europe/Berlin", "2026-10-25"),
    ("America/New_York", "2026-03-08"),
    ("America/New_York", "2026-11-01"),
    ("America/Havana", "2026-03-08"),  # midnight is left out
    ("America/Havana", "2026-11-01"),  # and repeated
    ("Africa/Cairo", "2026-04-24"),  # midnight is left out
    ("Africa/Cairo", "2026-10-29"),  # 23:00-24:00 is repeated
    ("Asia/Beirut", "2026-03-29"),
    ("Australia/Lord_Howe", "2026-04-05"),  # half an hour
    ("Australia/Lord_Howe", "2026-10-04"),
    ("Africa/Casablanca", "2026-02-15"),
    ("America/Santiago", "2026-04-05"),
    ("Pacific/Apia", "2011-12-30"),  # a day is left out
    ("Antarctica/Troll", "2026-03-29"),  # two hours
    ("Asia/Kathmandu", "2026-05-05"),  # none, and an odd offset
    ("Pacific/Kiritimati", "2026-05-05"),
    ("UTC", "2026-05-05"),
)

marks = st.integers(0, 48).map(lambda half: half * 30)


@st.composite
def blocks(draw: st.DrawFn) -> list[tuple[int, int]]:
    """Up to two blocks of a day, apart, the last perhaps past midnight."""
    points = sorted(draw(st.lists(marks, min_size=0, max_size=4, unique=True)))
    pairs = [(a, b) for a, b in zip(points[::2], points[1::2], strict=False) if a < 1440]
    if pairs and draw(st.booleans()):
        first, last = pairs[0][0], pairs[-1]
        until = draw(st.integers(0, first // 30).map(lambda half: half * 30))
        if until < last[0] and until > 0:
            pairs[-1] = (last[0], until + 1440)
    return pairs


weeks = st.fixed_dictionaries({day: blocks() for day in DAYS})
changes = st.sampled_from(CHANGES).map(lambda c: (ZoneInfo(c[0]), date.fromisoformat(c[1])))
Week = dict[str, list[tuple[int, int]]]


def _written(block: tuple[int, int]) -> str:
    start, end = block
    end = end - 1440 if end > 1440 else end
    return f"{start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02}"


def _calendar(week: Week, rests: set[date]) -> Calendar:
    return Calendar.model_validate(
        {
            "hours": {day: [_written(block) for block in hours] for day, hours in week.items()},
            "days_off": sorted(rests),
        }
    )


class Oracle:
    """Asks the wall clock of every single minute; shares no code with what it checks."""

    def __init__(self, week: Week, rests: set[date], zone: ZoneInfo) -> None:
        self.week, self.rests, self.zone = week, rests, zone

    def open(self, at: datetime) -> bool:
        local = at.astimezone(self.zone)
        if local.date() in self.rests:
            return False
        minute = local.hour * 60 + local.minute
        today, yesterday = DAYS[local.weekday()], DAYS[local.weekday() - 1]
        return any(start <= minute < end for start, end in self.week[today]) or any(
            minute < end - 1440 for _, end in self.week[yesterday]
        )

    def minutes(self, start: datetime, end: datetime) -> int:
        count, at = 0, start
        while at < end:
            count += self.open(at)
            at += MINUTE
        return count


@st.composite
def cases(draw: st.DrawFn) -> tuple[Calendar, Oracle, ZoneInfo, datetime]:
    """A week, some days off and a minute, near a clock change."""
    zone, day = draw(changes)
    week = draw(weeks)
    rests = draw(st.sets(st.integers(-2, 3).map(lambda n: day + timedelta(days=n)), max_size=2))
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    at = midnight + draw(st.integers(-36 * 60, 36 * 60)) * MINUTE
    return _calendar(week, rests), Oracle(week, rests, zone), zone, at


@few
@given(cases(), st.integers(0, 59_999_999))
def test_open_is_what_the_wall_clock_says(
    case: tuple[Calendar, Oracle, ZoneInfo, datetime], within: int
) -> None:
    calendar, oracle, zone, at = case
    assert is_open(calendar, zone, at + timedelta(microseconds=within)) is oracle.open(at)


@few
@given(cases(), st.integers(0, 3 * 1440))
def test_business_time_is_the_count_of_open_minutes(
    case: tuple[Calendar, Oracle, ZoneInfo, datetime], length: int
) -> None:
    calendar, oracle, zone, at = case
    end = at + length * MINUTE
    assert business_seconds(calendar, zone, at, end) == 60 * oracle.minutes(at, end)


@few
@given(cases())
def test_the_next_opening_and_change_are_the_first_minutes_that_differ(
    case: tuple[Calendar, Oracle, ZoneInfo, datetime],
) -> None:
    calendar, oracle, zone, at = case
    here = oracle.open(at)
    coming = (at + step * MINUTE for step in range(1, 2 * 1440))
    changed = next((moment for moment in coming if oracle.open(moment) is not here), None)
    found = next_change(calendar, zone, at)
    if changed is not None:
        assert found == changed
        assert next_open(calendar, zone, at) == (at if here else changed)
    elif found is not None:
        assert found >= at + 2 * 1440 * MINUTE


@few
@given(cases(), st.integers(1, 30 * 3600))
def test_adding_business_time_takes_exactly_that_long(
    case: tuple[Calendar, Oracle, ZoneInfo, datetime], seconds: int
) -> None:
    calendar, _, zone, at = case
    amount = timedelta(seconds=seconds)
    found = add_business_time(calendar, zone, at, amount)
    if found is None:
        assert business_seconds(calendar, zone, at, at + timedelta(days=366)) < seconds
    else:
        assert business_seconds(calendar, zone, at, found) == seconds
        # The first such instant: a moment earlier it was not enough yet.
        assert business_seconds(calendar, zone, at, found - timedelta(seconds=1)) < seconds


@few
@given(cases(), st.integers(0, 3000), st.integers(0, 3000))
def test_business_time_adds_up(
    case: tuple[Calendar, Oracle, ZoneInfo, datetime], one: int, other: int
) -> None:
    calendar, _, zone, at = case
    middle, end = at + one * MINUTE, at + (one + other) * MINUTE
    parts = business_seconds(calendar, zone, at, middle) + business_seconds(
        calendar, zone, middle, end
    )
    assert parts == business_seconds(calendar, zone, at, end)


@few
@given(cases(), st.integers(0, 5000))
def test_intervals_are_in_order_apart_and_within(
    case: tuple[Calendar, Oracle, ZoneInfo, datetime], length: int
) -> None:
    calendar, _, zone, at = case
    end = at + length * MINUTE
    found = list(open_intervals(calendar, zone, at, end))
    points = [moment for interval in found for moment in interval]
    assert points == sorted(set(points))
    assert all(at <= moment <= end for moment in points)
