"""When a step is due: business time from a start to an instant in UTC. Pure.

A deadline is computed once, when its clock starts, and stored: what is changed later in calendars
or policy does not move it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas.base import TierName
from services.kernel.answering.rules import Hours, NoCommonHours, Rules, Steps, Time
from services.kernel.calendars import Schedule, add_common_time, next_common_opening


@dataclass(frozen=True, slots=True)
class Business:
    """The time that counts for one attempt."""

    schedules: tuple[Schedule, ...]
    """Open at once; none: every hour counts."""
    instead: tuple[Schedule, ...]
    """Where they never meet; none: every hour counts."""
    at_once: bool
    """Where they never meet the lead is due at once."""
    longest: timedelta
    anchor: datetime
    """From here on ``scale`` applies."""
    scale: float = 1.0
    """So many times faster than the calendar the clocks run, for trying."""

    def due(self, start: datetime, amount: timedelta) -> datetime:
        """The instant by which ``amount`` of this time has passed since ``start``.

        At most ``longest`` after the start, whatever the calendars say.
        """
        return self._real(self._due(self._calendar(start), amount))

    def in_hours(self, start: datetime, amount: timedelta) -> datetime | None:
        """As :meth:`due`; None where the hours never meet for so long."""
        begin = self._calendar(start)
        found = add_common_time(self.schedules, begin, amount, self.longest)
        return None if found is None else self._real(found)

    def opening(self, start: datetime) -> datetime:
        """The first instant from ``start`` on that counts; the start where none ever does."""
        begin = self._calendar(start)
        found = next_common_opening(self.schedules, begin, self.longest)
        if found is None and not self.at_once:
            found = next_common_opening(self.instead, begin, self.longest)
        return start if found is None else self._real(found)

    def _due(self, start: datetime, amount: timedelta) -> datetime:
        found = add_common_time(self.schedules, start, amount, self.longest)
        if found is not None:
            return found
        if self.at_once:
            return start
        return _first(start, amount, self.longest, (self.instead, ()))

    def _calendar(self, real: datetime) -> datetime:
        return self.anchor + (real - self.anchor) * self.scale

    def _real(self, calendar: datetime) -> datetime:
        return self.anchor + (calendar - self.anchor) / self.scale


def _first(
    start: datetime,
    amount: timedelta,
    longest: timedelta,
    choices: Sequence[tuple[Schedule, ...]],
) -> datetime:
    for schedules in choices:
        found = add_common_time(schedules, start, amount, longest)
        if found is not None:
            return found
    return start + longest


def business_of(
    rules: Rules,
    pool: str | None,
    rep_id: str | None,
    heard: Hours | None,
    anchor: datetime,
    scale: float = 1.0,
) -> Business:
    """Whose hours count for a lead that ``rep_id`` has from ``pool``.

    :param heard: the rep's hours as people.v1 tells them; None: as configured.
    :param anchor: when the rep got the lead; from here on ``scale`` applies.
    """
    team, person = rules.team_schedule(pool), rules.person_schedule(rep_id, heard)
    wanted = {
        Time.TEAM_AND_PERSON: (team, person),
        Time.TEAM: (team,),
        Time.PERSON: (person,),
        Time.WALL_CLOCK: (),
    }[rules.time_of(pool)]
    instead = {
        NoCommonHours.WALL_CLOCK: (),
        NoCommonHours.NOW: (),
        NoCommonHours.PERSON: (person,),
        NoCommonHours.TEAM: (team,),
    }[rules.no_common_hours]
    return Business(
        schedules=tuple(one for one in wanted if one is not None),
        instead=tuple(one for one in instead if one is not None),
        at_once=rules.no_common_hours is NoCommonHours.NOW,
        longest=rules.longest,
        anchor=anchor,
        scale=scale,
    )


def opening_of(
    rules: Rules, pool: str | None, tier: TierName, business: Business, given_at: datetime
) -> datetime | None:
    """When the clocks of a lead of the night may start; None where they start at once.

    That is the earliest: of one rep's hot leads no more than ``hot_at_once`` run at a time.
    """
    steps = rules.steps_of(pool, tier)
    if rules.hot_at_once is None or tier is not TierName.HOT or steps == Steps():
        return None
    opens = business.opening(given_at)
    return opens if opens > given_at else None
