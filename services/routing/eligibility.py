"""Who may get a lead at this moment. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.kernel.calendars import Calendars
from services.kernel.people import (
    Absence,
    Available,
    Overlay,
    Rep,
    Unavailable,
    Window,
    availability,
    window_end,
)
from services.routing.model import Load


class Cap(StrEnum):
    """The cap that is reached."""

    HOUR = "cap_hour"
    DAY = "cap_day"
    WEEK = "cap_week"
    OPEN = "cap_open"
    BURST = "burst"
    """Has just been given as many held leads as one person can look at."""


class Past(StrEnum):
    """The lead was this person's already."""

    OWNER = "past_owner"


Why = Absence | Cap | Past
"""Why a member cannot get a lead."""

OFF_OR_FULL: frozenset[Why] = frozenset(
    {Absence.OFF_HOURS, Absence.HOLIDAY, Cap.HOUR, Cap.DAY, Cap.WEEK, Cap.OPEN}
)
"""What routing anyway looks past."""


@dataclass(frozen=True, slots=True)
class Barred:
    """A member is not eligible: why, and when that may change."""

    why: Why
    until: datetime | None = None
    """None: not by time alone."""


_GONE = Barred(Absence.INACTIVE)
_PAST = Barred(Past.OWNER)
_UNCHANGED = Overlay()


def away(
    rep: Rep | None, calendars: Calendars, now: datetime, overlay: Overlay | None
) -> Barred | None:
    """Why a person gets nothing at ``now``, whatever the lead; None while they work."""
    if rep is None:
        return _GONE
    match availability(rep, calendars[rep.calendar], now, overlay or _UNCHANGED):
        case Available():
            return None
        case Unavailable(reason=reason, until=until):
            return Barred(reason, until)


def over_cap(rep: Rep, load: Load, now: datetime) -> Barred | None:
    """Which of the person's caps is reached, the one that opens last first."""
    caps = rep.caps
    if caps.open is not None and load.open >= caps.open:
        return Barred(Cap.OPEN)
    if caps.week is not None and load.week >= caps.week:
        return Barred(Cap.WEEK, window_end(Window.WEEK, rep.zone, now))
    if caps.day is not None and load.day >= caps.day:
        return Barred(Cap.DAY, window_end(Window.DAY, rep.zone, now))
    if caps.hour is not None and load.hour >= caps.hour:
        return Barred(Cap.HOUR, window_end(Window.HOUR, rep.zone, now))
    return None


def past_owner(rep: str, excluded: Collection[str]) -> Barred | None:
    """A person who had the lead does not get it again."""
    return _PAST if rep in excluded else None
