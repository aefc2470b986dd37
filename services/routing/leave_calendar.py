"""Out-of-office days from an iCalendar file (RFC 5545), by the person's own clock. Pure.

What counts is a day that is away as a whole: an all-day event, or one that its calendar marks as
out of office and that covers the day. Cancelled events, events that leave the person free, and
meetings do not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import recurring_ical_events
from icalendar import Calendar

AHEAD: Final = timedelta(days=400)
"""Later days are read when they come nearer."""
MOST_EVENTS: Final = 1_000
_DAY: Final = timedelta(days=1)


class NotACalendar(ValueError):
    """The file cannot be read; the message says why."""


@dataclass(frozen=True, slots=True)
class Away:
    """Days away, both included."""

    key: str
    """Which event it is, and which time of it where it repeats: the same after an update."""
    first: date
    last: date
    reason: str

    @classmethod
    def of(cls, told: Mapping[str, str]) -> Away:
        """Of its JSON."""
        days = {name: date.fromisoformat(told[name]) for name in ("first", "last")}
        return cls(told["key"], days["first"], days["last"], told["reason"])


def days_away(text: bytes, zone: ZoneInfo, today: date) -> list[Away]:
    """The present and coming days away, in order.

    :raises NotACalendar: it is none, or holds more than :data:`MOST_EVENTS` events.
    """
    try:
        calendar = Calendar.from_ical(text)
        query = recurring_ical_events.of(calendar)
        events = query.between(today - _DAY, today + AHEAD)
    except Exception as error:  # a hostile file makes the parser raise nearly anything
        raise NotACalendar(
            f"no iCalendar file: {str(error)[:200] or type(error).__name__}"
        ) from None
    if len(events) > MOST_EVENTS:
        raise NotACalendar(f"{len(events)} events in the coming {AHEAD.days} days are too many")
    found = {one.key: one for event in events for one in _away(event, zone) if one.last >= today}
    return sorted(found.values(), key=lambda one: (one.first, one.last, one.key))


def _away(event: Any, zone: ZoneInfo) -> Iterator[Away]:
    if str(event.get("STATUS", "")).upper() == "CANCELLED":
        return
    if str(event.get("TRANSP", "")).upper() == "TRANSPARENT" and not _out_of_office(event):
        return
    start, end = event.start, event.end
    if isinstance(start, datetime):
        if not _out_of_office(event):
            return
        first, last = _whole_days(start, end, zone)
    else:
        first, last = start, max(start, end - _DAY)
    if last >= first:
        key = f"{event.get('UID', '')}|{_named(event, start)}"
        yield Away(key, first, last, str(event.get("SUMMARY", "") or "out of office")[:200])


def _out_of_office(event: Any) -> bool:
    """As Outlook and Exchange mark it."""
    return str(event.get("X-MICROSOFT-CDO-BUSYSTATUS", "")).upper() == "OOF"


def _whole_days(start: datetime, end: datetime, zone: ZoneInfo) -> tuple[date, date]:
    """The days between that are covered from midnight to midnight; a time without a zone is the
    person's own."""
    begins, ends = (
        one.astimezone(zone) if one.tzinfo is not None else one.replace(tzinfo=zone)
        for one in (start, end)
    )
    first = begins.date() if begins.time() == time.min else begins.date() + _DAY
    return first, ends.date() - _DAY


def _named(event: Any, start: date) -> str:
    known = event.get("RECURRENCE-ID")
    return (known.dt if known is not None else start).isoformat()
