"""``routing.tests.yaml``: what a configuration must do, said as examples. Pure.

Each test is a lead at a time and where it must go. Everything else is as fresh: nobody was given
anything yet, nobody waits. Which rules no test reaches is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator, model_validator

from schemas.base import ChannelName, KindName, Lane, Motion, RoleName, TierName, deterministic_id
from services.kernel.conditions import NotedFacts
from services.kernel.faults import Fault, did_you_mean, validation_error
from services.kernel.people import Leave, Overlay
from services.routing.board import Board, Colleague, Loaded
from services.routing.explain import explain
from services.routing.fields import ROUTING_FIELDS, time_facts
from services.routing.placement import place
from services.routing.plan import Plan
from services.routing.policy import CATCH_ALL
from services.routing.splitting import FORCED, units
from services.routing.subject import Placement, Subject

FILE = "routing.tests.yaml"
_ACCOUNT = "test.example"
_COLLEAGUE = deterministic_id(FILE, "colleague")
_USUAL: Mapping[str, object] = {
    "kind": KindName.DEMO_REQUEST.value,
    "source": "website",
    "channel": ChannelName.DIRECT.value,
    "motion": Motion.INBOUND.value,
    "lane": Lane.LIVE.value,
    "touch": 1,
    "tier": TierName.WARM.value,
}
"""What a test does not say of its lead."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Expected(_Strict):
    """Where the lead must go; what is not named may be anything."""

    rep: str | None = None
    pool: str | None = None
    rule: str | None = None
    """Id of the rule, or ``catch-all``."""
    hold: bool | None = None
    """True: nobody is free, and it waits."""
    nurture: bool | None = None
    divert: str | None = None
    """The kind of what is no lead."""

    @model_validator(mode="after")
    def _something(self) -> Expected:
        if not self.model_fields_set:
            raise ValueError("expect at least one of rep, pool, rule, hold, nurture, divert")
        return self


class Given(_Strict):
    """What is unusual at that time."""

    away: tuple[str, ...] = ()
    """Reps who are on leave."""
    owner: str | None = None
    """The rep who has a colleague of the lead."""
    arms: dict[str, str] = Field(default_factory=dict)
    """Experiment to the arm that the lead has; of others any."""


class RoutingTest(_Strict):
    """One example."""

    name: str
    at: AwareDatetime
    """With its offset, e.g. ``2026-11-24T10:00:00+01:00``."""
    lead: dict[str, Any]
    """By the names that rules use; without ``tier`` a warm demo request."""
    role: RoleName = RoleName.SDR
    given: Given = Given()
    expect: Expected

    @field_validator("lead")
    @classmethod
    def _known(cls, lead: dict[str, Any]) -> dict[str, Any]:
        faults = list(_lead_faults(lead))
        if faults:
            raise validation_error("lead", faults)
        return {name: ROUTING_FIELDS.find(name).coerce(value) for name, value in lead.items()}  # type: ignore[union-attr]


class RoutingTestsFile(_Strict):
    """The file."""

    tests: tuple[RoutingTest, ...] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Failed:
    """Something that must be so and is not."""

    what: str
    """A key of ``expect``."""
    wanted: object
    got: object


@dataclass(frozen=True, slots=True)
class Tested:
    """What came of one test."""

    name: str
    at: int
    """Which one of the file, from 0."""
    failed: tuple[Failed, ...]
    rule: str
    words: tuple[str, ...]
    """How it was decided."""


@dataclass(frozen=True, slots=True)
class Report:
    """What came of all, and which rules they reach."""

    tests: tuple[Tested, ...]
    reached: Mapping[str, int]
    """By rule, in how many tests it fired."""

    @property
    def failed(self) -> tuple[Tested, ...]:
        return tuple(test for test in self.tests if test.failed)

    @property
    def unreached(self) -> tuple[str, ...]:
        return tuple(rule for rule, times in self.reached.items() if not times)

    @property
    def coverage(self) -> float:
        """Part of the rules, catch-alls included, that some test reaches."""
        return 1 - len(self.unreached) / len(self.reached)


def unknown_names(plan: Plan, file: RoutingTestsFile) -> Iterator[Fault]:
    """Reps, pools and rules that the configuration does not have."""
    known: dict[str, tuple[str, ...]] = {
        "rep": tuple(plan.teams.rep),
        "pool": tuple(plan.teams.pool),
        "rule": tuple(_rules(plan)),
    }
    for at, test in enumerate(file.tests):
        rep = (
            (("given", "owner"), test.given.owner),
            *((("given", "away", nth), name) for nth, name in enumerate(test.given.away)),
        )
        expected = ((("expect", kind), getattr(test.expect, kind), kind) for kind in known)
        for path, name, kind in (*((path, name, "rep") for path, name in rep), *expected):
            if name is not None and name not in known[kind]:
                hint = did_you_mean(name, known[kind])
                yield Fault(("tests", at, *path), f"unknown {kind} {name}{hint}")


def run(plan: Plan, version: str, file: RoutingTestsFile) -> Report:
    """Take every test's decision and compare."""
    tests = tuple(_run(plan, version, at, test) for at, test in enumerate(file.tests))
    fired = Counter(test.rule for test in tests)
    return Report(tests, {rule: fired[rule] for rule in _rules(plan)})


def _run(plan: Plan, version: str, at: int, test: RoutingTest) -> Tested:
    placement = place(_board(plan, version, test), _subject(at, test))
    failed = tuple(_compared(test.expect, placement))
    words = tuple(explain({**placement.record, "at": test.at.isoformat()}))
    return Tested(test.name, at, failed, placement.target.rule, words)


def _compared(expect: Expected, placement: Placement) -> Iterator[Failed]:
    got = {
        "rep": placement.rep,
        "pool": placement.pool,
        "rule": placement.target.rule,
        "hold": placement.status.value == "held",
        "nurture": placement.status.value == "nurtured",
        "divert": placement.target.divert.kind if placement.target.divert is not None else None,
    }
    for what in sorted(expect.model_fields_set):
        if getattr(expect, what) != got[what]:
            yield Failed(what, getattr(expect, what), got[what])


def _board(plan: Plan, version: str, test: RoutingTest) -> Board:
    day = test.at.date()
    away = Leave(first=day - timedelta(days=1), last=day + timedelta(days=1))
    loaded = Loaded(overlays={rep: Overlay(leave=(away,)) for rep in test.given.away})
    if test.given.owner is not None:
        owned = Colleague(_COLLEAGUE, test.given.owner, None, test.at - timedelta(days=1))
        loaded.colleagues[_ACCOUNT] = {_COLLEAGUE: owned}
    return Board(plan, version, test.at, frozenset(plan.weights), loaded, test.role)


def _subject(at: int, test: RoutingTest) -> Subject:
    facts = {**_USUAL, **_times(test.at, test.lead), **test.lead}
    lead = deterministic_id(FILE, str(at))
    facts |= units(lead, _ACCOUNT)
    facts |= {FORCED + experiment: arm for experiment, arm in test.given.arms.items()}
    return Subject(
        lead_id=lead,
        account_key=_ACCOUNT,
        assignment_id=_attempt(lead),
        facts=NotedFacts({name: value for name, value in facts.items() if value is not None}),
        tier=TierName(str(facts["tier"])),
        received_at=test.at,
    )


def _times(at: datetime, lead: Mapping[str, object]) -> Mapping[str, object]:
    return time_facts(at, lead.get("time_zone"))


def _attempt(lead: UUID) -> UUID:
    return deterministic_id(lead, "attempt")


def _rules(plan: Plan) -> list[str]:
    """The rules of all roles; a catch-all is one."""
    found = [rule.target.rule for rule in plan.rules]
    for own in plan.later_roles.values():
        found += [rule.target.rule for rule in own.rules]
    return [*found, CATCH_ALL]


def _lead_faults(lead: Mapping[str, Any]) -> Iterator[Fault]:
    names = [field.name for field in ROUTING_FIELDS.fields]
    for name, value in lead.items():
        field = ROUTING_FIELDS.find(name)
        if field is None:
            yield Fault((name,), f"unknown field {name}{did_you_mean(name, names)}")
        elif field.coerce(value) is None:
            yield Fault((name,), f"{value!r} is no {field.kind.value}")
        elif field.closed and field.coerce(value) not in field.values:
            hint = did_you_mean(str(value), field.values)
            yield Fault((name,), f"{value!r} is none of its values{hint}")
