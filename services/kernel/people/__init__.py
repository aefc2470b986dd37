"""Reps and pools, and who can take a lead when."""

from __future__ import annotations

from services.kernel.people.availability import (
    Absence,
    Availability,
    Available,
    Overlay,
    Unavailable,
    availability,
    leave_stops,
    next_available,
    next_unavailable,
    steady_until,
)
from services.kernel.people.caps import FULL, Caps, RampStep, WindowCaps, ramp_percent
from services.kernel.people.checks import calendar_faults
from services.kernel.people.model import (
    Leave,
    MaxHold,
    Member,
    Need,
    NobodyFree,
    Pool,
    PoolModel,
    Pull,
    Rep,
    Teams,
)
from services.kernel.people.parts import MOST, leave_fault
from services.kernel.people.windows import LENGTH, Window, start_of_day, window_end, window_start

__all__ = [
    "FULL",
    "LENGTH",
    "MOST",
    "Absence",
    "Availability",
    "Available",
    "Caps",
    "Leave",
    "MaxHold",
    "Member",
    "Need",
    "NobodyFree",
    "Overlay",
    "Pool",
    "PoolModel",
    "Pull",
    "RampStep",
    "Rep",
    "Teams",
    "Unavailable",
    "Window",
    "WindowCaps",
    "availability",
    "calendar_faults",
    "leave_fault",
    "leave_stops",
    "next_available",
    "next_unavailable",
    "ramp_percent",
    "start_of_day",
    "steady_until",
    "window_end",
    "window_start",
]
