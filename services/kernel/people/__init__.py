"""Reps and pools, and who can take a lead when."""

from __future__ import annotations

from services.kernel.people.availability import (
    Absence,
    Availability,
    Available,
    Overlay,
    Unavailable,
    availability,
    next_available,
    next_unavailable,
    start_of_day,
)
from services.kernel.people.checks import calendar_faults
from services.kernel.people.model import (
    Caps,
    Leave,
    MaxHold,
    Member,
    NobodyFree,
    Pool,
    Rep,
    Teams,
)
from services.kernel.people.windows import Window, window_end, window_start

__all__ = [
    "Absence",
    "Availability",
    "Available",
    "Caps",
    "Leave",
    "MaxHold",
    "Member",
    "NobodyFree",
    "Overlay",
    "Pool",
    "Rep",
    "Teams",
    "Unavailable",
    "Window",
    "availability",
    "calendar_faults",
    "next_available",
    "next_unavailable",
    "start_of_day",
    "window_end",
    "window_start",
]
