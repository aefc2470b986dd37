"""The windows in which caps count: they start when the person's wall clock says so."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo


class Window(StrEnum):
    """A stretch of the wall clock, by the name of its cap."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"


_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)

LENGTH = {Window.HOUR: _HOUR, Window.DAY: _DAY, Window.WEEK: 7 * _DAY}
"""Of a window that rolls."""


def window_start(window: Window, zone: ZoneInfo, at: datetime) -> datetime:
    """When the window that holds an instant began, in UTC. Weeks begin on Monday."""
    today = at.astimezone(zone).date()
    match window:
        case Window.HOUR:
            # Counted from midnight, so that a clock change of half an hour leaves no gap.
            midnight = start_of_day(zone, today)
            return midnight + (at - midnight) // _HOUR * _HOUR
        case Window.DAY:
            return start_of_day(zone, today)
        case Window.WEEK:
            return start_of_day(zone, today - today.weekday() * _DAY)


def window_end(window: Window, zone: ZoneInfo, at: datetime) -> datetime:
    """When the next window begins, in UTC: a full cap is empty again."""
    today = at.astimezone(zone).date()
    match window:
        case Window.HOUR:
            tomorrow = start_of_day(zone, today + _DAY)
            return min(window_start(Window.HOUR, zone, at) + _HOUR, tomorrow)
        case Window.DAY:
            return start_of_day(zone, today + _DAY)
        case Window.WEEK:
            return start_of_day(zone, today + (7 - today.weekday()) * _DAY)


def start_of_day(zone: ZoneInfo, day: date) -> datetime:
    """The first instant of a day on a zone's wall clock, in UTC."""
    # Where the clock leaves midnight out, this is the instant of the change.
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
