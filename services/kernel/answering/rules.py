"""How fast somebody must answer: which steps a lead has, and in whose time. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from schemas.base import TierName
from services.kernel.calendars import Calendars, Schedule
from services.kernel.people import Rep
from services.kernel.timezones import zone_of


class Time(StrEnum):
    """Whose hours count."""

    TEAM_AND_PERSON = "team_and_person"
    """The hours that both work."""
    TEAM = "team"
    PERSON = "person"
    WALL_CLOCK = "wall_clock"
    """Every hour of every day."""


class NoCommonHours(StrEnum):
    """What to do where the hours that count never meet."""

    WALL_CLOCK = "wall_clock"
    """Count every hour."""
    PERSON = "person"
    """Count the rep's own hours; where those are none either, every hour."""
    TEAM = "team"
    """Count the team's hours; where those are none either, every hour."""
    NOW = "now"
    """The lead is due at once: it breaches, and somebody who works gets it."""


@dataclass(frozen=True, slots=True)
class Steps:
    """What happens when to a lead that nobody touches; None: it does not happen."""

    acceptance: timedelta | None = None
    reminder: timedelta | None = None
    breach: timedelta | None = None
    escalation: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Team:
    """What is different for one pool."""

    calendar: str | None = None
    time_zone: str | None = None
    time: Time | None = None
    steps: Mapping[str, Steps] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hours:
    """When a person works, as people.v1 or the configuration says."""

    calendar: str
    time_zone: str


@dataclass(frozen=True, slots=True)
class Rules:
    """The active configuration, as far as the time for an answer is concerned."""

    time: Time
    no_common_hours: NoCommonHours
    longest: timedelta
    hot_at_once: int | None
    steps: Mapping[str, Steps]
    teams: Mapping[str, Team]
    reps: Mapping[str, Rep]
    calendars: Calendars

    def steps_of(self, pool: str | None, tier: TierName) -> Steps:
        """The steps of a tier in a pool."""
        team = self.teams.get(pool or "")
        own = team.steps.get(tier.value) if team is not None else None
        return own if own is not None else self.steps.get(tier.value, Steps())

    def time_of(self, pool: str | None) -> Time:
        """Whose hours count for the leads of a pool."""
        team = self.teams.get(pool or "")
        return team.time if team is not None and team.time is not None else self.time

    def team_schedule(self, pool: str | None) -> Schedule | None:
        """The hours of a pool; None where it has none of its own."""
        team = self.teams.get(pool or "")
        if team is None or team.calendar is None:
            return None
        calendar = self.calendars[team.calendar]
        zone = team.time_zone or calendar.time_zone
        return Schedule(calendar, zone_of(zone)) if zone is not None else None

    def person_schedule(self, rep_id: str | None, heard: Hours | None) -> Schedule | None:
        """The hours of a rep; None for somebody of whom nothing is known.

        Leave does not count: a lead of somebody on leave is due in their usual hours, and then
        goes to somebody who is there.
        """
        rep = self.reps.get(rep_id or "")
        hours = heard or (Hours(rep.calendar, rep.time_zone) if rep is not None else None)
        if hours is None or hours.calendar not in self.calendars:
            return None
        try:
            zone = zone_of(hours.time_zone)
        except ValueError:  # from people.v1, and newer than our time zone data
            return None
        return Schedule(self.calendars[hours.calendar], zone)
