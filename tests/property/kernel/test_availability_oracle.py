"""Availability against the wall clock of every minute: hours, holidays, leave and the working
days before it, in zones east and west and over clock changes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.base import RoleName
from services.kernel.calendars import Calendar
from services.kernel.people import Available, Leave, Overlay, Rep, Unavailable, availability

MINUTE = timedelta(minutes=1)
ZONES = (
    ("Europe/Berlin", date(2026, 3, 29)),
    ("Europe/Berlin", date(2026, 10, 25)),
    ("America/New_York", date(2026, 11, 1)),
    ("America/Havana", date(2026, 3, 8)),  # midnight is left out
    ("Africa/Cairo", date(2026, 10, 29)),  # an hour before midnight is repeated
    ("Australia/Lord_Howe", date(2026, 10, 4)),  # half an hour
    ("Pacific/Kiritimati", date(2026, 5, 4)),  # the first to have a day
    ("Pacific/Pago_Pago", date(2026, 5, 4)),  # the last
    ("Asia/Kathmandu", date(2026, 5, 4)),  # an odd offset
)
BLOCKS = ((540, 750), (795, 1080))
"""09:00-12:30 and 13:15-18:00, on weekdays."""


class Oracle:
    """Asks what the wall says at one minute; shares no code with what it checks."""

    def __init__(self, off: set[date], leaves: list[tuple[date, date]], buffer: int) -> None:
        self.off, self.leaves = off, leaves
        self.kept_free = {day for leave in leaves for day in self._before(leave[0], buffer)}

    def _before(self, first: date, buffer: int) -> set[date]:
        """The working days before a leave, and whatever lies between."""
        found: set[date] = set()
        day = first
        while buffer:
            day -= timedelta(days=1)
            found.add(day)
            buffer -= self._worked(day)
        return found

    def _worked(self, day: date) -> bool:
        return day.weekday() < 5 and day not in self.off

    def free(self, local: datetime) -> bool:
        day, minute = local.date(), local.hour * 60 + local.minute
        if any(first <= day <= last for first, last in self.leaves) or day in self.kept_free:
            return False
        return self._worked(day) and any(start <= minute < end for start, end in BLOCKS)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(ZONES),
    st.sets(st.integers(-3, 3), max_size=2),
    st.lists(st.tuples(st.integers(-4, 8), st.integers(0, 3)), max_size=2),
    st.integers(0, 3),
    st.integers(-2 * 1440, 2 * 1440),
)
def test_availability_is_what_the_minutes_say(
    place: tuple[str, date],
    off: set[int],
    away: list[tuple[int, int]],
    buffer: int,
    start: int,
) -> None:
    zone, day = ZoneInfo(place[0]), place[1]
    days_off = {day + timedelta(days=one) for one in off}
    leaves = [
        (day + timedelta(days=first), day + timedelta(days=first + length))
        for first, length in away
    ]
    oracle = Oracle(days_off, leaves, buffer)
    calendar = Calendar.model_validate(
        {
            "hours": {"weekdays": ["09:00-12:30", "13:15-18:00"]},
            "days_off": sorted(days_off),
        }
    )
    half = len(leaves) // 2  # some configured, some by command: it makes no difference
    given_leave = [Leave.model_validate({"from": a, "until": b}) for a, b in leaves]
    rep = Rep(
        id="ana", name="Ana", email="ana@acme.example", role=RoleName.SDR, time_zone=place[0],
        calendar="x", leave=tuple(given_leave[:half]), leave_buffer_days=buffer,
    )  # fmt: skip
    overlay = Overlay(leave=tuple(given_leave[half:]))
    at = datetime(day.year, day.month, day.day, tzinfo=UTC) + start * MINUTE
    for step in range(0, 1440, 7):
        moment = at + step * MINUTE
        found = availability(rep, calendar, moment, overlay)
        assert (found == Available()) is oracle.free(moment.astimezone(zone)), moment
        if isinstance(found, Unavailable) and found.until is not None:
            assert found.until > moment, "a reason that ends, ends later"
