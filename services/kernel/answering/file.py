"""What ``response.yaml`` says of the time for an answer; the rest of the file is response's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.kernel.answering.rules import NoCommonHours, Rules, Steps, Team, Time
from services.kernel.calendars import Calendars
from services.kernel.durations import Duration
from services.kernel.faults import Fault, did_you_mean, validation_error
from services.kernel.people import Teams
from services.kernel.timezones import TimeZoneName

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]
Positive = Annotated[Duration, Field(gt=timedelta())]


class Strict(BaseModel):
    """A part of the file: what is unknown is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class StepsFile(Strict):
    """When what happens to a lead that nobody touches; a step that is left out never comes."""

    acceptance: Positive | None = None
    """Not accepted, and not touched either: somebody else gets the lead."""
    reminder: Positive | None = None
    """The rep is told again."""
    breach: Positive | None = None
    """Somebody else gets the lead; after ``hops`` the manager; after the manager the team."""
    escalation: Positive | None = None
    """Counted over all reps from the hand-raise on: the manager gets the lead."""

    @model_validator(mode="after")
    def _in_order(self) -> StepsFile:
        given = [
            (name, value)
            for name in ("reminder", "breach", "escalation")
            if (value := getattr(self, name)) is not None
        ]
        faults = [
            Fault((later,), f"comes before the {earlier}")
            for (earlier, first), (later, second) in pairwise(given)
            if second <= first
        ]
        if faults:
            raise validation_error("steps", faults)
        return self

    def steps(self) -> Steps:
        return Steps(self.acceptance, self.reminder, self.breach, self.escalation)


class Tiers(Strict):
    """The steps of each tier."""

    hot: StepsFile = StepsFile()
    warm: StepsFile = StepsFile()
    nurture: StepsFile = StepsFile()

    def by_tier(self) -> dict[str, Steps]:
        return {name: getattr(self, name).steps() for name in type(self).model_fields}


class TeamFile(Strict):
    """What is different for one pool."""

    calendar: str | None = None
    """The team's hours, a name in ``calendars.yaml``; the time zone goes with it."""
    time_zone: TimeZoneName | None = None
    """Left out where the calendar has one of its own."""
    time: Time | None = None
    tiers: dict[Annotated[str, Field(pattern="^(hot|warm|nurture)$")], StepsFile] = {}
    """A tier that is named here has these steps and no others."""


class AtOpening(Strict):
    """Leads of the night."""

    hot_at_once: Annotated[int, Field(ge=1, le=100)] | None = 2
    """So many untouched hot leads per rep have running clocks; the next starts when one is
    touched or moves on. ``null``: all start at opening."""


class AnsweringFile(Strict):
    """These keys of the file."""

    time: Time = Time.TEAM_AND_PERSON
    """Whose hours count."""
    no_common_hours: NoCommonHours = NoCommonHours.WALL_CLOCK
    """Where the hours that count never meet within ``longest``."""
    longest: Positive = timedelta(days=14)
    """No clock runs longer than this by the wall clock."""
    at_opening: AtOpening = AtOpening()
    tiers: Tiers = Tiers()
    teams: dict[Name, TeamFile] = {}
    """By pool."""

    def rules(self, teams: Teams, calendars: Calendars) -> Rules:
        """What the decisions use, of files that fit together."""
        return Rules(
            time=self.time,
            no_common_hours=self.no_common_hours,
            longest=self.longest,
            hot_at_once=self.at_opening.hot_at_once,
            steps=self.tiers.by_tier(),
            teams={
                pool: Team(
                    calendar=team.calendar,
                    time_zone=team.time_zone,
                    time=team.time,
                    steps={tier: one.steps() for tier, one in team.tiers.items()},
                )
                for pool, team in self.teams.items()
            },
            reps=teams.rep,
            calendars=calendars,
        )


def unknown_names(response: AnsweringFile, teams: Teams, calendars: Calendars) -> Iterator[Fault]:
    """Pools and calendars that are named and nowhere defined, each with its path."""
    for pool, team in response.teams.items():
        if pool not in teams.pool:
            hint = did_you_mean(pool, tuple(teams.pool))
            yield Fault(("teams", pool), f"unknown pool {pool}{hint}")
        if team.calendar is None:
            if team.time_zone is not None:
                yield Fault(("teams", pool, "time_zone"), "the hours of which calendar?")
            if Time.TEAM in (team.time, team.time or response.time):
                yield Fault(("teams", pool), "the time of the team needs the team's calendar")
        elif team.calendar not in calendars:
            hint = did_you_mean(team.calendar, tuple(calendars))
            path = ("teams", pool, "calendar")
            yield Fault(path, f"unknown calendar {team.calendar}{hint}")
        elif team.time_zone is None and calendars[team.calendar].time_zone is None:
            yield Fault(("teams", pool, "time_zone"), "the calendar's hours are of which zone?")
