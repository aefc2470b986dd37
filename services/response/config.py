"""``response.yaml`` with ``teams.yaml`` and ``calendars.yaml``: from files to a :class:`Policy`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from itertools import pairwise
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas.base import Motion, TierName
from schemas.touch import TouchMeans
from services.kernel.calendars import Calendars
from services.kernel.durations import Duration
from services.kernel.faults import Fault, did_you_mean, validation_error
from services.kernel.people import Teams
from services.kernel.timezones import TimeZoneName
from services.response.plan import Cadence, PlannedTouch, TouchPlan
from services.response.policy import NoCommonHours, Policy, Steps, Team, Time
from services.runtime.configfile import Faults

RESPONSE = "response.yaml"
TEAMS = "teams.yaml"
CALENDARS = "calendars.yaml"

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]
Positive = Annotated[Duration, Field(gt=timedelta())]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StepsFile(_Strict):
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


class Tiers(_Strict):
    """The steps of each tier."""

    hot: StepsFile = StepsFile()
    warm: StepsFile = StepsFile()
    nurture: StepsFile = StepsFile()

    def by_tier(self) -> dict[str, Steps]:
        return {name: getattr(self, name).steps() for name in type(self).model_fields}


class TeamFile(_Strict):
    """What is different for one pool."""

    calendar: str | None = None
    """The team's hours, a name in ``calendars.yaml``; the time zone goes with it."""
    time_zone: TimeZoneName | None = None
    """Left out where the calendar has one of its own."""
    time: Time | None = None
    tiers: dict[Annotated[str, Field(pattern="^(hot|warm|nurture)$")], StepsFile] = {}
    """A tier that is named here has these steps and no others."""


class AtOpening(_Strict):
    """Leads of the night."""

    hot_at_once: Annotated[int, Field(ge=1, le=100)] | None = 2
    """So many untouched hot leads per rep have running clocks; the next starts when one is
    touched or moves on. ``null``: all start at opening."""


class Feed(_Strict):
    """The touch feed: what a CRM and SDR tools report on ``activities.v1``."""

    stale_after: Positive = timedelta(hours=2)
    """Silent for so long in the hours of any team: nobody loses a lead until it speaks again."""
    required: bool = False
    """True: a feed that was never heard is stale, too."""


class TouchFile(_Strict):
    """One touch of a plan."""

    day: Annotated[int, Field(ge=1, le=60)]
    """Business day; the enrolment's own is day 1."""
    by: TouchMeans


class PlanFile(_Strict):
    """A touch plan for leads of some tiers and motions."""

    id: Name
    tiers: Annotated[frozenset[TierName], Field(min_length=1)]
    motions: Annotated[frozenset[Motion], Field(min_length=1)] = frozenset(Motion)
    touches: Annotated[tuple[TouchFile, ...], Field(min_length=1, max_length=30)]

    @model_validator(mode="after")
    def _in_order(self) -> PlanFile:
        faults = [
            Fault(("touches", at, "day"), f"comes before day {earlier.day}")
            for at, (earlier, later) in enumerate(pairwise(self.touches), 1)
            if later.day < earlier.day
        ]
        if faults:
            raise validation_error("plan", faults)
        return self


class Bounces(_Strict):
    """When a plan is paused until a person resumes it."""

    percent: Annotated[float, Field(gt=0, le=100)] = 5.0
    """More than this of the mail sent came back …"""
    after: Annotated[int, Field(ge=1)] = 50
    """… once so many were sent."""


class CadenceFile(_Strict):
    """Touch plans: what the rep is told to do next, and when."""

    email_verified_within: Positive = timedelta(days=30)
    role_confirmed_within: Positive = timedelta(days=90)
    bounces: Bounces = Bounces()
    plans: tuple[PlanFile, ...] = ()
    """The first that fits a lead is its plan."""

    @model_validator(mode="after")
    def _distinct(self) -> CadenceFile:
        seen: set[str] = set()
        for at, plan in enumerate(self.plans):
            if plan.id in seen:
                fault = Fault(("plans", at, "id"), f"{plan.id} is there twice")
                raise validation_error("cadence", [fault])
            seen.add(plan.id)
        return self

    def cadence(self) -> Cadence:
        return Cadence(
            self.email_verified_within,
            self.role_confirmed_within,
            self.bounces.percent,
            self.bounces.after,
            tuple(
                TouchPlan(
                    plan.id,
                    plan.tiers,
                    plan.motions,
                    tuple(PlannedTouch(touch.day, touch.by) for touch in plan.touches),
                )
                for plan in self.plans
            ),
        )


class ResponseFile(_Strict):
    """The file."""

    time: Time = Time.TEAM_AND_PERSON
    """Whose hours count."""
    no_common_hours: NoCommonHours = NoCommonHours.WALL_CLOCK
    """Where the hours that count never meet within ``longest``."""
    longest: Positive = timedelta(days=14)
    """No clock runs longer than this by the wall clock."""
    hops: Annotated[int, Field(ge=0, le=50)] = 2
    """So many other reps get the lead after a breach, then the manager."""
    at_opening: AtOpening = AtOpening()
    feed: Feed = Feed()
    tiers: Tiers = Tiers()
    teams: dict[Name, TeamFile] = {}
    """By pool."""
    cadence: CadenceFile = CadenceFile()


def parse(files: Mapping[str, str]) -> Policy:
    """The policy of a set of files; without ``response.yaml`` no clock runs.

    :raises ConfigError: with every fault of the files, each with file and line.
    """
    faults = Faults(files)
    response = faults.parse(ResponseFile, RESPONSE) if RESPONSE in files else ResponseFile()
    teams = faults.parse(Teams, TEAMS)
    calendars = faults.parse(Calendars, CALENDARS)
    if response is not None and teams is not None and calendars is not None:
        for fault in _unknown_names(response, teams, calendars):
            faults.add(RESPONSE, fault.path, fault.message)
    faults.check()
    assert response is not None
    assert teams is not None
    assert calendars is not None
    return policy_of(response, teams, calendars)


def policy_of(response: ResponseFile, teams: Teams, calendars: Calendars) -> Policy:
    """What the decisions use, of files that fit together."""
    return Policy(
        time=response.time,
        no_common_hours=response.no_common_hours,
        longest=response.longest,
        hops=response.hops,
        hot_at_once=response.at_opening.hot_at_once,
        feed_stale_after=response.feed.stale_after,
        feed_required=response.feed.required,
        steps=response.tiers.by_tier(),
        teams={
            pool: Team(
                calendar=team.calendar,
                time_zone=team.time_zone,
                time=team.time,
                steps={tier: one.steps() for tier, one in team.tiers.items()},
            )
            for pool, team in response.teams.items()
        },
        reps=teams.rep,
        calendars=calendars,
        cadence=response.cadence.cadence(),
    )


def _unknown_names(response: ResponseFile, teams: Teams, calendars: Calendars) -> Iterator[Fault]:
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
