"""Leave that a person's own calendar says: the calendar is the truth about what came from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from services.kernel.people import Leave, start_of_day
from services.routing.leave_calendar import Away, NotACalendar, days_away
from services.routing.overlay import Kind, RepChange
from services.routing.staff.changes import Reps
from services.routing.staff.session import Author, RepFault, Session

_DAY: Final = timedelta(days=1)
ICAL: Final = "ical"
"""Names the event in the value of a change that came from a calendar."""


async def from_calendar(reps: Reps, author: Author, rep_id: str, text: bytes) -> dict[str, Any]:
    """Make the person's leave what the calendar says, as far as it came from a calendar.

    New and moved days are recorded, cancelled ones taken back, days by command or in teams.yaml
    stay. A calendar that cannot be read changes nothing.

    :raises RepFault: it cannot be read; the leave known so far stays.
    """

    def days(zone: ZoneInfo, today: date) -> list[Away]:
        try:
            return days_away(text, zone, today)
        except NotACalendar as fault:
            raise RepFault(f"{fault}; the leave that is known stays") from None

    made = await _made(reps, author, rep_id, days)
    return {**(await reps.one(rep_id)), "calendar": made}


async def make_leave(
    reps: Reps, author: Author, rep_id: str, days: Sequence[Away]
) -> dict[str, int]:
    """As :func:`from_calendar`, of a calendar that was read elsewhere."""
    return await _made(reps, author, rep_id, lambda *_: days)


async def _made(
    reps: Reps, author: Author, rep_id: str, days: Callable[[ZoneInfo, date], Sequence[Away]]
) -> dict[str, int]:
    made = {"added": 0, "taken_back": 0}

    async def work(session: Session) -> None:
        rep = session.rep(rep_id)
        today = session.now.astimezone(rep.zone).date()
        wanted = {one.key: one for one in days(rep.zone, today) if one.last >= today}
        believed = await session.believed(rep_id, Kind.LEAVE)
        known = {one.value[ICAL]: one for one in believed if ICAL in one.value}
        over = [one for key, one in known.items() if _changed(one, wanted.get(key))]
        made["taken_back"] = await session.take_back(over)
        for key, away in wanted.items():
            if key not in known or known[key] in over:
                end = start_of_day(rep.zone, away.last + _DAY)
                await session.record(rep_id, Kind.LEAVE, _value(away), None, end)
                made["added"] += 1

    await reps.change(author, work)
    return made


def _changed(known: RepChange, wanted: Away | None) -> bool:
    return wanted is None or dict(known.value) != _value(wanted)


def _value(away: Away) -> dict[str, Any]:
    leave = Leave.model_validate({"from": away.first, "until": away.last, "reason": away.reason})
    said = leave.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {**said, ICAL: away.key}
