"""Who can take a lead at one instant, and when the others can again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from services.kernel.calendars import HORIZON, Calendar, is_open, next_change, next_open
from services.kernel.people.model import Leave, Rep


class Absence(StrEnum):
    """Why somebody cannot take a lead."""

    INACTIVE = "inactive"
    PAUSED = "paused"
    LEAVE = "leave"
    HOLIDAY = "holiday"
    OFF_HOURS = "off_hours"


@dataclass(frozen=True, slots=True)
class Overlay:
    """What operators changed by command since the configuration was published."""

    active: bool | None = None
    """None: as configured."""
    paused: bool = False
    paused_until: datetime | None = None
    """A pause that ends by itself; None for one that a person must end."""
    leave: tuple[Leave, ...] = ()
    """Beside the configured leave."""


@dataclass(frozen=True, slots=True)
class Available:
    """Can take a lead now."""


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Cannot take a lead now."""

    reason: Absence
    until: datetime | None
    """When this reason ends (another may follow); None where nobody knows."""
    detail: str = ""
    """The name of the holiday or the reason of the leave."""


Availability = Available | Unavailable

_NOTHING = Overlay()
_AVAILABLE = Available()
_STEPS = 1_000


def availability(
    rep: Rep, calendar: Calendar, at: datetime, overlay: Overlay = _NOTHING
) -> Availability:
    """Whether a rep can take a lead at an instant; caps are counted elsewhere.

    The first reason that holds is named: inactive, paused, leave, holiday, off hours.
    """
    active = rep.active if overlay.active is None else overlay.active
    if not active:
        return Unavailable(Absence.INACTIVE, None)
    if overlay.paused and (overlay.paused_until is None or at < overlay.paused_until):
        return Unavailable(Absence.PAUSED, overlay.paused_until)
    today = at.astimezone(rep.zone).date()
    if rep.leave or overlay.leave:
        leave = next((one for one in (*rep.leave, *overlay.leave) if one.covers(today)), None)
        if leave is not None:
            back = start_of_day(rep.zone, leave.last + timedelta(days=1))
            return Unavailable(Absence.LEAVE, back, leave.reason)
    if is_open(calendar, rep.zone, at):
        return _AVAILABLE
    return _closed(rep.zone, calendar, at, today)


def next_available(
    rep: Rep, calendar: Calendar, at: datetime, overlay: Overlay = _NOTHING
) -> datetime | None:
    """The first instant from ``at`` on at which the rep can take a lead; None for not in a year."""
    moment, end = at, at + HORIZON
    for _ in range(_STEPS):
        match availability(rep, calendar, moment, overlay):
            case Available():
                return moment.astimezone(UTC)
            case Unavailable(until=None):
                return None
            case Unavailable(until=datetime() as until):
                if until > end:
                    return None
                moment = until
    return None


def next_unavailable(
    rep: Rep, calendar: Calendar, at: datetime, overlay: Overlay = _NOTHING
) -> datetime | None:
    """The first instant after ``at`` at which an available rep is not any more; None for never.

    Known in advance are hours, holidays and leave; a pause is not.
    """
    closing = next_change(calendar, rep.zone, at)
    leaves = (start_of_day(rep.zone, one.first) for one in (*rep.leave, *overlay.leave))
    coming = [start for start in leaves if start > at]
    return min([*coming, closing] if closing is not None else coming, default=None)


def start_of_day(zone: ZoneInfo, day: date) -> datetime:
    """The first instant of a day on a zone's wall clock, in UTC."""
    # Where the clock leaves midnight out, this is the instant of the change.
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def _closed(zone: ZoneInfo, calendar: Calendar, at: datetime, today: date) -> Unavailable:
    opens = next_open(calendar, zone, at)
    if calendar.usual_spans(today) and (holiday := calendar.rest_day(today)) is not None:
        return Unavailable(Absence.HOLIDAY, opens, holiday)
    return Unavailable(Absence.OFF_HOURS, opens)
