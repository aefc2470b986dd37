"""Working hours, holidays, and business time across time zones and clock changes."""

from __future__ import annotations

from services.kernel.calendars.common import (
    Schedule,
    add_common_time,
    common_intervals,
    next_common_opening,
)
from services.kernel.calendars.hours import Block, WeeklyHours
from services.kernel.calendars.intervals import open_intervals
from services.kernel.calendars.model import Calendar, Calendars, DayOff, HolidaysOf
from services.kernel.calendars.questions import (
    HORIZON,
    add_business_time,
    business_seconds,
    business_time,
    is_open,
    next_change,
    next_open,
)

__all__ = [
    "HORIZON",
    "Block",
    "Calendar",
    "Calendars",
    "DayOff",
    "HolidaysOf",
    "Schedule",
    "WeeklyHours",
    "add_business_time",
    "add_common_time",
    "business_seconds",
    "business_time",
    "common_intervals",
    "is_open",
    "next_change",
    "next_common_opening",
    "next_open",
    "open_intervals",
]
