"""Time in which several schedules are open at once: a team's and a person's.

The arithmetic is that of one calendar; the stretches are those that all schedules share.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from services.kernel.calendars.intervals import Interval, open_intervals
from services.kernel.calendars.model import Calendar


class Schedule(NamedTuple):
    """A calendar on somebody's wall."""

    calendar: Calendar
    zone: ZoneInfo


def common_intervals(
    schedules: Sequence[Schedule], start: datetime, end: datetime
) -> Iterator[Interval]:
    """The stretches in which every schedule is open, in order; all the time where there is none."""
    if not schedules:
        if start < end:
            yield start.astimezone(UTC), end.astimezone(UTC)
        return
    first, *others = schedules
    common = open_intervals(first.calendar, first.zone, start, end)
    for other in others:
        common = _both(common, open_intervals(other.calendar, other.zone, start, end))
    yield from common


def add_common_time(
    schedules: Sequence[Schedule], start: datetime, amount: timedelta, within: timedelta
) -> datetime | None:
    """The first instant by which so much common time has passed; None beyond ``within``.

    A full day's worth from opening is that day's close, not the next morning. Nothing added is the
    start itself, open or not.
    """
    if amount <= timedelta():
        return start.astimezone(UTC)
    left = amount
    for begin, stop in common_intervals(schedules, start, start + within):
        if stop - begin >= left:
            return begin + left
        left -= stop - begin
    return None


def next_common_opening(
    schedules: Sequence[Schedule], start: datetime, within: timedelta
) -> datetime | None:
    """The first instant from ``start`` on at which all are open; None beyond ``within``."""
    return next((begin for begin, _ in common_intervals(schedules, start, start + within)), None)


def _both(left: Iterator[Interval], right: Iterator[Interval]) -> Iterator[Interval]:
    """What two ordered series of stretches share."""
    one, other = next(left, None), next(right, None)
    while one is not None and other is not None:
        begin, stop = max(one[0], other[0]), min(one[1], other[1])
        if begin < stop:
            yield begin, stop
        if one[1] <= other[1]:
            one = next(left, None)
        else:
            other = next(right, None)
