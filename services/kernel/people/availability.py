"""Who can take a lead at one instant, and when the others can again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from services.kernel.calendars import HORIZON, Calendar, is_open, next_change, next_open
from services.kernel.people.model import Leave, Rep
from services.kernel.people.windows import start_of_day


class Absence(StrEnum):
    """Why somebody cannot take a lead."""

    INACTIVE = "inactive"
    PAUSED = "paused"
    LEAVE = "leave"
    LEAVE_SOON = "leave_soon"
    """Within the working days before a leave that are kept free of new leads."""
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
    caps: Mapping[str, int | None] = field(default_factory=dict)
    """In place of configured ones, by name: ``hour``, ``day``, ``week``, ``open``; None for no
    limit."""


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
_BUFFER_DAYS = 92
"""Looked back at most, for somebody who hardly ever works."""


def availability(
    rep: Rep, calendar: Calendar, at: datetime, overlay: Overlay = _NOTHING
) -> Availability:
    """Whether a rep can take a lead at an instant; caps are counted elsewhere.

    The first reason that holds is named: inactive, paused, leave, leave soon, holiday, off hours.
    """
    active = rep.active if overlay.active is None else overlay.active
    if not active:
        return Unavailable(Absence.INACTIVE, None)
    if rep.joined is not None and at < (first := start_of_day(rep.zone, rep.joined)):
        return Unavailable(Absence.INACTIVE, first, "has not joined yet")
    if overlay.paused and (overlay.paused_until is None or at < overlay.paused_until):
        return Unavailable(Absence.PAUSED, overlay.paused_until)
    today = at.astimezone(rep.zone).date()
    if rep.leave or overlay.leave:
        away = _on_leave(rep, calendar, at, today, (*rep.leave, *overlay.leave))
        if away is not None:
            return away
    if is_open(calendar, rep.zone, at):
        return _AVAILABLE
    return _closed(rep.zone, calendar, at, today)


def _on_leave(
    rep: Rep, calendar: Calendar, at: datetime, today: date, leaves: tuple[Leave, ...]
) -> Unavailable | None:
    leave = next((one for one in leaves if one.covers(today)), None)
    if leave is not None:
        back = start_of_day(rep.zone, leave.last + timedelta(days=1))
        return Unavailable(Absence.LEAVE, back, leave.reason)
    if not rep.leave_buffer_days:
        return None
    for leave in leaves:
        if today < leave.first and at >= leave_stops(rep, calendar, leave):
            return Unavailable(
                Absence.LEAVE_SOON, start_of_day(rep.zone, leave.first), leave.reason
            )
    return None


def leave_stops(rep: Rep, calendar: Calendar, leave: Leave) -> datetime:
    """From when on a rep gets no new leads because of a leave: its start, or some working days
    before it."""
    day, left = leave.first, rep.leave_buffer_days
    for _ in range(_BUFFER_DAYS):
        if not left:
            break
        day -= timedelta(days=1)
        left -= bool(calendar.spans(day))
    return start_of_day(rep.zone, day)


def steady_until(rep: Rep, calendar: Calendar, at: datetime) -> datetime:
    """Until when the answer of :func:`availability` without an overlay stays as it is at ``at``.

    Hours change when the calendar says so; leave, holidays and the day of joining at midnight.
    """
    midnight = start_of_day(rep.zone, at.astimezone(rep.zone).date() + timedelta(days=1))
    change = next_change(calendar, rep.zone, at)
    return midnight if change is None else min(midnight, change)


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
    leaves = (leave_stops(rep, calendar, one) for one in (*rep.leave, *overlay.leave))
    coming = [start for start in leaves if start > at]
    return min([*coming, closing] if closing is not None else coming, default=None)


def _closed(zone: ZoneInfo, calendar: Calendar, at: datetime, today: date) -> Unavailable:
    opens = next_open(calendar, zone, at)
    if calendar.usual_spans(today) and (holiday := calendar.rest_day(today)) is not None:
        return Unavailable(Absence.HOLIDAY, opens, holiday)
    return Unavailable(Absence.OFF_HOURS, opens)
