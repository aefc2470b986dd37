"""The windows in which caps count: they start when the person's wall clock says so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from services.kernel.people.availability import start_of_day


class Window(StrEnum):
    """A stretch of the wall clock, by the name of its cap."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"


def window_start(window: Window, zone: ZoneInfo, at: datetime) -> datetime:
    """When the window that holds an instant began, in UTC. Weeks begin on Monday."""
    local = at.astimezone(zone)
    match window:
        case Window.HOUR:
            return local.replace(minute=0, second=0, microsecond=0).astimezone(UTC)
        case Window.DAY:
            return start_of_day(zone, local.date())
        case Window.WEEK:
            return start_of_day(zone, local.date() - timedelta(days=local.weekday()))


def window_end(window: Window, zone: ZoneInfo, at: datetime) -> datetime:
    """When the next window begins, in UTC: a full cap is empty again."""
    local = at.astimezone(zone)
    match window:
        case Window.HOUR:
            return window_start(Window.HOUR, zone, at) + timedelta(hours=1)
        case Window.DAY:
            return start_of_day(zone, local.date() + timedelta(days=1))
        case Window.WEEK:
            return start_of_day(zone, local.date() + timedelta(days=7 - local.weekday()))
