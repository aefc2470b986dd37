"""Working hours as stretches of real time.

The rule: an instant is open where the wall clock of the zone at that instant lies in a span of the
calendar's day. So an hour that the clock repeats in autumn is open twice, and one that it leaves
out in spring never is.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from services.kernel.calendars.model import Calendar

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)

Interval = tuple[datetime, datetime]
"""Two instants in UTC, the second excluded."""


def local_time(zone: ZoneInfo, at: datetime) -> datetime:
    """The wall clock of a zone, naive."""
    return at.astimezone(zone).replace(tzinfo=None)


def open_intervals(
    calendar: Calendar, zone: ZoneInfo, start: datetime, end: datetime
) -> Iterator[Interval]:
    """The open time between two instants, in order, as few and as long stretches as possible."""
    held: Interval | None = None
    for piece in _pieces(calendar, zone, start.astimezone(UTC), end.astimezone(UTC)):
        if held is not None and piece[0] == held[1]:
            held = (held[0], piece[1])
            continue
        if held is not None:
            yield held
        held = piece
    if held is not None:
        yield held


def _pieces(
    calendar: Calendar, zone: ZoneInfo, start: datetime, end: datetime
) -> Iterator[Interval]:
    for since, until, offset in _steady(zone, start, end):
        # Within one offset the wall clock runs straight, so local arithmetic is right.
        low, high = (moment.replace(tzinfo=None) + offset for moment in (since, until))
        day = low.date()
        while (midnight := _midnight(day)) < high:
            for first, last in calendar.spans(day):
                opens = max(midnight + timedelta(minutes=first), low)
                closes = min(midnight + timedelta(minutes=last), high)
                if opens < closes:
                    yield _instant(opens, offset), _instant(closes, offset)
            day += _DAY


def _steady(
    zone: ZoneInfo, start: datetime, end: datetime
) -> Iterator[tuple[datetime, datetime, timedelta]]:
    """Stretches of one offset from UTC. No zone changes its offset twice within a day."""
    since = start
    while since < end:
        until = min(since + _DAY, end)
        offset = _offset(zone, since)
        if _offset(zone, until) != offset:
            until = _change(zone, since, until)
        yield since, until, offset
        since = until


def _change(zone: ZoneInfo, since: datetime, until: datetime) -> datetime:
    """The first instant with another offset; changes happen on whole seconds."""
    before = _offset(zone, since)
    low, high = since.replace(microsecond=0), until
    if high.microsecond:
        high = high.replace(microsecond=0) + _SECOND
    while high - low > _SECOND:
        middle = low + timedelta(seconds=(high - low) // _SECOND // 2)
        if _offset(zone, middle) == before:
            low = middle
        else:
            high = middle
    return min(high, until)


def _offset(zone: ZoneInfo, at: datetime) -> timedelta:
    found = at.astimezone(zone).utcoffset()
    assert found is not None
    return found


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day)  # noqa: DTZ001 - wall time, naive on purpose


def _instant(local: datetime, offset: timedelta) -> datetime:
    return (local - offset).replace(tzinfo=UTC)
