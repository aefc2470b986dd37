"""What is asked of a calendar. Instants that go in are aware, those that come out are UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from services.kernel.calendars.intervals import local_time, open_intervals
from services.kernel.calendars.model import Calendar

HORIZON = timedelta(days=366)
"""How far ahead is looked; a calendar that is closed for longer never opens."""


def is_open(calendar: Calendar, zone: ZoneInfo, at: datetime) -> bool:
    """Whether the instant lies in working hours."""
    local = local_time(zone, at)
    minute = local.hour * 60 + local.minute
    return any(first <= minute < last for first, last in calendar.spans(local.date()))


def next_open(calendar: Calendar, zone: ZoneInfo, at: datetime) -> datetime | None:
    """The first open instant from ``at`` on (itself where it is open); None beyond the horizon."""
    return next((start for start, _ in open_intervals(calendar, zone, at, at + HORIZON)), None)


def next_change(calendar: Calendar, zone: ZoneInfo, at: datetime) -> datetime | None:
    """The first instant after ``at`` at which open turns to closed or back; None for never."""
    if calendar.never_closes:
        return None
    end = at + HORIZON
    for start, stop in open_intervals(calendar, zone, at, end):
        if start > at:
            return start
        return stop if stop < end else None
    return None


def business_time(calendar: Calendar, zone: ZoneInfo, start: datetime, end: datetime) -> timedelta:
    """The open time between two instants; nothing where the end is not after the start."""
    stretches = open_intervals(calendar, zone, start, end)
    return sum((stop - begin for begin, stop in stretches), timedelta())


def business_seconds(calendar: Calendar, zone: ZoneInfo, start: datetime, end: datetime) -> float:
    """:func:`business_time` in seconds."""
    return business_time(calendar, zone, start, end).total_seconds()


def add_business_time(
    calendar: Calendar, zone: ZoneInfo, start: datetime, amount: timedelta
) -> datetime | None:
    """The first instant by which so much open time has passed; None beyond the horizon.

    A full day's worth from opening is that day's close, not the next morning. Nothing added is the
    start itself, open or not.
    """
    if amount <= timedelta():
        return start.astimezone(UTC)
    left = amount
    for begin, stop in open_intervals(calendar, zone, start, start + HORIZON):
        if stop - begin >= left:
            return begin + left
        left -= stop - begin
    return None
