"""``routing.yaml``, ``teams.yaml`` and ``calendars.yaml``: from files to a :class:`Plan`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas.base import KindName, RoleName
from services.kernel.calendars import Calendars
from services.kernel.durations import Duration
from services.kernel.faults import Fault, did_you_mean, validation_error
from services.kernel.people import Teams, calendar_faults
from services.routing.companies import Level
from services.routing.fields import RoutingCondition
from services.routing.matching import Filter, MatchPolicy, Support, TieBreaker
from services.routing.ownership import OwnerAway, OwnerPolicy
from services.routing.plan import Plan
from services.routing.policy import CATCH_ALL, Rule, RuleSet, Target
from services.runtime.configfile import Faults

ROUTING = "routing.yaml"
TEAMS = "teams.yaml"
CALENDARS = "calendars.yaml"

Path = tuple[str | int, ...]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RuleFile(_Strict):
    """One rule: who it is for, and where they go."""

    id: Name
    when: RoutingCondition
    """An unknown value does not fire a rule."""
    pool: Name | None = None
    nurture: bool = False
    """True: no rep gets the lead; marketing keeps it warm."""

    @model_validator(mode="after")
    def _one_end(self) -> RuleFile:
        if (self.pool is None) is not self.nurture:
            raise ValueError("a rule has either a pool or nurture: true")
        return self


class CatchAll(_Strict):
    """Where everything goes that no rule takes."""

    pool: Name


class RoleRules(_Strict):
    """Who gets a lead once it is handed over to a later role."""

    rules: tuple[RuleFile, ...] = ()
    catch_all: CatchAll

    @model_validator(mode="after")
    def _distinct(self) -> RoleRules:
        faults = list(_repeated(self.rules))
        if faults:
            raise validation_error("role", faults)
        return self


class Owner(_Strict):
    """Leads of a company that a rep already talks to."""

    away: OwnerAway = OwnerAway.ASSIGN
    """While the owner is off: ``assign`` gives the lead to the owner all the same, ``pool`` goes on
    to the rules, ``backup`` to who stands in, ``wait`` holds it until the owner is back."""
    wait_at_most: Duration = timedelta(hours=4)
    """For ``wait``: an owner who is away for longer is not waited for."""
    otherwise: Annotated[OwnerAway, Field(examples=["pool"])] = OwnerAway.POOL
    """For ``wait``: what follows then, ``pool`` or ``backup``."""
    order: tuple[Level, ...] = tuple(Level)
    """Whose claim comes first; what is left out does not count."""

    @model_validator(mode="after")
    def _ends(self) -> Owner:
        if self.otherwise not in (OwnerAway.POOL, OwnerAway.BACKUP):
            fault = Fault(("otherwise",), "after waiting comes pool or backup")
            raise validation_error("owner", [fault])
        return self

    def policy(self) -> OwnerPolicy:
        return OwnerPolicy(self.away, self.wait_at_most, self.otherwise, self.order)


class Matching(_Strict):
    """How the account of a lead is found: by domain, else by a close name with some support."""

    by_name: bool = True
    name_score: Annotated[float, Field(ge=50, le=100)] = 90.0
    """0 to 100: the least similarity of two company names without their legal forms."""
    supported_by: tuple[Support, ...] = tuple(Support)
    """A close name alone is not enough: one of these must be the same."""
    filters: tuple[Filter, ...] = ()
    """Accounts that do not count."""
    tie_breakers: tuple[TieBreaker, ...] = tuple(TieBreaker)
    """Which of several accounts it is, the first that tells them apart."""

    def policy(self) -> MatchPolicy:
        return MatchPolicy(
            self.by_name, self.name_score, self.supported_by, self.filters, self.tie_breakers
        )


class Returning(_Strict):
    """Known people who come again."""

    hand_raises: frozenset[KindName] = frozenset(
        {
            KindName.DEMO_REQUEST,
            KindName.CONTACT_SALES,
            KindName.PRICING_REQUEST,
            KindName.FREE_TRIAL,
            KindName.CHAT,
        }
    )
    """Their owner is told at once (``re_engaged``); other kinds are only noted (``merged``)."""
    anew_after: Duration = timedelta(days=180)
    """An owner who heard nothing of the lead for so long loses it."""


class Attempts(_Strict):
    """When a rep gives a lead back."""

    most: Annotated[int, Field(ge=1, le=50)] = 3
    """After so many attempts the pool's manager gets the lead."""
    turns_returned_per_day: Annotated[int, Field(ge=0, le=1_000)] = 5
    """Rejects beyond this cost the rep their turn."""
    idle_after: Duration = timedelta(days=30)
    """An attempt about which nothing happened for so long is closed."""


class RoutingFile(_Strict):
    """The file."""

    owner: Owner = Owner()
    matching: Matching = Matching()
    returning: Returning = Returning()
    attempts: Attempts = Attempts()
    managers: dict[Name, Name] = {}
    """Pool to the rep who gets what the pool cannot place."""
    rules: tuple[RuleFile, ...] = ()
    """The first that fires decides."""
    catch_all: CatchAll
    roles: dict[RoleName, RoleRules] = {}
    """Rules of the roles after sdr, e.g. of the ae who gets what an SDR qualified."""

    @model_validator(mode="after")
    def _distinct(self) -> RoutingFile:
        faults = list(_repeated(self.rules))
        if RoleName.SDR in self.roles:
            faults.append(Fault(("roles", "sdr"), "the rules at the top are the sdr's"))
        if faults:
            raise validation_error("routing", faults)
        return self


def parse(files: Mapping[str, str]) -> Plan:
    """The plan of a set of files.

    :raises ConfigError: with every fault of the three files, each with file and line.
    """
    faults = Faults(files)
    routing = faults.parse(RoutingFile, ROUTING)
    teams = faults.parse(Teams, TEAMS)
    calendars = faults.parse(Calendars, CALENDARS)
    if teams is not None and calendars is not None:
        for fault in calendar_faults(teams, calendars):
            faults.add(TEAMS, fault.path, fault.message)
    if routing is not None and teams is not None:
        for fault in _unknown_names(routing, teams):
            faults.add(ROUTING, fault.path, fault.message)
    faults.check()
    assert routing is not None
    assert teams is not None
    assert calendars is not None
    return plan_of(routing, teams, calendars)


def plan_of(routing: RoutingFile, teams: Teams, calendars: Calendars) -> Plan:
    """What the decision uses, of files that fit together."""
    first = _rule_set(routing, "", teams)
    return Plan(
        rules=first.rules,
        catch_all=first.catch_all,
        teams=teams,
        calendars=calendars,
        hand_raises=routing.returning.hand_raises,
        anew_after=routing.returning.anew_after,
        owner=routing.owner.policy(),
        matching=routing.matching.policy(),
        max_attempts=routing.attempts.most,
        turns_returned_per_day=routing.attempts.turns_returned_per_day,
        idle_after=routing.attempts.idle_after,
        managers=routing.managers,
        later_roles={
            role: _rule_set(own, f"/roles/{role.value}", teams)
            for role, own in routing.roles.items()
        },
    )


def _rule_set(own: RoutingFile | RoleRules, path: str, teams: Teams) -> RuleSet:
    """:param path: where the rules stand in the file."""
    return RuleSet(
        rules=tuple(
            Rule(
                Target(rule.id, f"{ROUTING}#{path}/rules/{at}", rule.pool),
                rule.when,
                teams.pool[rule.pool].motion if rule.pool is not None else None,
            )
            for at, rule in enumerate(own.rules)
        ),
        catch_all=Target(CATCH_ALL, f"{ROUTING}#{path}/catch_all", own.catch_all.pool),
    )


def _repeated(rules: tuple[RuleFile, ...]) -> Iterator[Fault]:
    seen = {CATCH_ALL}
    for at, rule in enumerate(rules):
        if rule.id in seen:
            yield Fault(("rules", at, "id"), f"{rule.id} is there twice")
        seen.add(rule.id)


def _unknown_names(routing: RoutingFile, teams: Teams) -> Iterator[Fault]:
    yield from _unknown_pools(teams, routing, RoleName.SDR, ())
    for role, own in routing.roles.items():
        yield from _unknown_pools(teams, own, role, ("roles", role.value))
    for pool, rep in routing.managers.items():
        yield from _no_pool(teams, pool, ("managers", pool))
        if rep not in teams.rep:
            hint = did_you_mean(rep, tuple(teams.rep))
            yield Fault(("managers", pool), f"unknown rep {rep}{hint}")


def _unknown_pools(
    teams: Teams, own: RoutingFile | RoleRules, role: RoleName, path: Path
) -> Iterator[Fault]:
    for at, rule in enumerate(own.rules):
        if rule.pool is not None:
            yield from _no_pool(teams, rule.pool, (*path, "rules", at, "pool"), role)
    yield from _no_pool(teams, own.catch_all.pool, (*path, "catch_all", "pool"), role)
    last = teams.pool.get(own.catch_all.pool)
    if last is not None and last.motion is not None:
        message = f"{last.id} takes {last.motion.value} leads only; the catch-all takes all"
        yield Fault((*path, "catch_all", "pool"), message)


def _no_pool(teams: Teams, pool: str, path: Path, role: RoleName | None = None) -> Iterator[Fault]:
    """:param role: that the rules are for; None where any pool will do."""
    known = teams.pool.get(pool)
    if known is None:
        yield Fault(path, f"unknown pool {pool}{did_you_mean(pool, tuple(teams.pool))}")
    elif role is not None and known.role is not role:
        yield Fault(path, f"{pool} is for the {known.role}, these rules are for the {role}")
