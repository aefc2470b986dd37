"""``response.yaml`` with ``teams.yaml`` and ``calendars.yaml``: from files to a :class:`Policy`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import timedelta
from itertools import pairwise
from typing import Annotated

from pydantic import Field, model_validator

from schemas.base import Motion, TierName
from schemas.touch import TouchMeans
from services.kernel.answering.file import AnsweringFile, Name, Positive, Strict, unknown_names
from services.kernel.calendars import Calendars
from services.kernel.faults import Fault, validation_error
from services.kernel.people import Teams
from services.response.plan import Cadence, PlannedTouch, TouchPlan
from services.response.policy import Policy
from services.runtime.configfile import Faults

RESPONSE = "response.yaml"
TEAMS = "teams.yaml"
CALENDARS = "calendars.yaml"


class Feed(Strict):
    """The touch feed: what a CRM and SDR tools report on ``activities.v1``."""

    stale_after: Positive = timedelta(hours=2)
    """Silent for so long in the hours of any team: nobody loses a lead until it speaks again."""
    required: bool = False
    """True: a feed that was never heard is stale, too."""


class TouchFile(Strict):
    """One touch of a plan."""

    day: Annotated[int, Field(ge=1, le=60)]
    """Business day; the enrolment's own is day 1."""
    by: TouchMeans


class PlanFile(Strict):
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


class Bounces(Strict):
    """When a plan is paused until a person resumes it."""

    percent: Annotated[float, Field(gt=0, le=100)] = 5.0
    """More than this of the mail sent came back …"""
    after: Annotated[int, Field(ge=1)] = 50
    """… once so many were sent."""


class CadenceFile(Strict):
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


class ResponseFile(AnsweringFile):
    """The file."""

    hops: Annotated[int, Field(ge=0, le=50)] = 2
    """So many other reps get the lead after a breach, then the manager."""
    feed: Feed = Feed()
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
        for fault in unknown_names(response, teams, calendars):
            faults.add(RESPONSE, fault.path, fault.message)
    faults.check()
    assert response is not None
    assert teams is not None
    assert calendars is not None
    return policy_of(response, teams, calendars)


def policy_of(response: ResponseFile, teams: Teams, calendars: Calendars) -> Policy:
    """What the decisions use, of files that fit together."""
    rules = response.rules(teams, calendars)
    return Policy(
        **{one.name: getattr(rules, one.name) for one in fields(rules)},
        hops=response.hops,
        feed_stale_after=response.feed.stale_after,
        feed_required=response.feed.required,
        cadence=response.cadence.cadence(),
        members={pool.id: tuple(one.rep for one in pool.members) for pool in teams.pools},
    )
