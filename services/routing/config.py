"""``routing.yaml``, ``teams.yaml`` and ``calendars.yaml``: from files to a :class:`Plan`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from schemas.assignment import Diverted
from schemas.base import RoleName
from services.kernel.calendars import Calendars
from services.kernel.faults import Fault, Path, did_you_mean
from services.kernel.people import Teams, calendar_faults
from services.routing.plan import Plan
from services.routing.policy import CATCH_ALL, Rule, RuleSet, Target
from services.routing.routing_file import RoleRules, RoutingFile, RuleFile
from services.routing.territories import Table
from services.routing.territory_config import role_faults, tables
from services.runtime.configfile import Faults

__all__ = ["CALENDARS", "ROUTING", "TEAMS", "RoutingFile", "RuleFile", "parse", "plan_of"]

ROUTING = "routing.yaml"
TEAMS = "teams.yaml"
CALENDARS = "calendars.yaml"


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
    known = tables(faults, files, teams)
    if routing is not None and teams is not None:
        for fault in _unknown_names(routing, teams, known):
            faults.add(ROUTING, fault.path, fault.message)
    faults.check()
    assert routing is not None
    assert teams is not None
    assert calendars is not None
    return plan_of(routing, teams, calendars, known)


def plan_of(
    routing: RoutingFile, teams: Teams, calendars: Calendars, known: Mapping[str, Table]
) -> Plan:
    """What the decision uses, of files that fit together."""
    to = routing.diversions
    first = _rule_set(routing, "", teams, known, to)
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
        diversions=routing.diversions,
        later_roles={
            role: _rule_set(own, f"/roles/{role.value}", teams, known, to)
            for role, own in routing.roles.items()
        },
    )


def _rule_set(
    own: RoutingFile | RoleRules,
    path: str,
    teams: Teams,
    known: Mapping[str, Table],
    diversions: Mapping[str, str],
) -> RuleSet:
    """:param path: where the rules stand in the file."""
    return RuleSet(
        rules=tuple(
            Rule(
                Target(
                    rule.id,
                    f"{ROUTING}#{path}/rules/{at}",
                    rule.pool,
                    _diverted(rule, diversions),
                ),
                rule.when,
                next((teams.pool[name].motion for _, name in rule.pools), None),
                known[rule.territory] if rule.territory is not None else None,
                rule.split.split() if rule.split is not None else None,
            )
            for at, rule in enumerate(own.rules)
        ),
        catch_all=Target(CATCH_ALL, f"{ROUTING}#{path}/catch_all", own.catch_all.pool),
    )


def _diverted(rule: RuleFile, diversions: Mapping[str, str]) -> Diverted | None:
    if rule.divert is None:
        return None
    kind = rule.divert.kind
    return Diverted(kind=kind, to=rule.divert.to or diversions.get(kind))


def _nowhere(
    own: RoutingFile | RoleRules, path: Path, diversions: Mapping[str, str]
) -> Iterator[Fault]:
    """A kind of which nobody said where it goes is as often a slip of the pen."""
    for at, rule in enumerate(own.rules):
        divert = rule.divert
        if divert is not None and divert.to is None and divert.kind not in diversions:
            hint = did_you_mean(divert.kind, tuple(diversions))
            message = f"{divert.kind} goes where? say to, or name it in diversions{hint}"
            yield Fault((*path, "rules", at, "divert", "kind"), message)


def _unknown_names(
    routing: RoutingFile, teams: Teams, known: Mapping[str, Table]
) -> Iterator[Fault]:
    yield from _unknown_pools(teams, routing, RoleName.SDR, ())
    yield from _unknown_tables(teams, routing, RoleName.SDR, (), known)
    yield from _nowhere(routing, (), routing.diversions)
    for role, own in routing.roles.items():
        yield from _unknown_pools(teams, own, role, ("roles", role.value))
        yield from _unknown_tables(teams, own, role, ("roles", role.value), known)
        yield from _nowhere(own, ("roles", role.value), routing.diversions)
    for pool, rep in routing.managers.items():
        yield from _no_pool(teams, pool, ("managers", pool))
        if rep not in teams.rep:
            hint = did_you_mean(rep, tuple(teams.rep))
            yield Fault(("managers", pool), f"unknown rep {rep}{hint}")


def _unknown_pools(
    teams: Teams, own: RoutingFile | RoleRules, role: RoleName, path: Path
) -> Iterator[Fault]:
    for at, rule in enumerate(own.rules):
        for place, name in rule.pools:
            yield from _no_pool(teams, name, (*path, "rules", at, *place), role)
        yield from _unlike_arms(teams, rule, (*path, "rules", at))
    yield from _no_pool(teams, own.catch_all.pool, (*path, "catch_all", "pool"), role)
    last = teams.pool.get(own.catch_all.pool)
    if last is not None and last.motion is not None:
        message = f"{last.id} takes {last.motion.value} leads only; the catch-all takes all"
        yield Fault((*path, "catch_all", "pool"), message)


def _unlike_arms(teams: Teams, rule: RuleFile, path: Path) -> Iterator[Fault]:
    """A rule passes by leads of a motion that its pool does not take: an arm must not be empty of
    what another one has."""
    motions = [(place, pool.motion) for place, name in rule.pools if (pool := teams.pool.get(name))]
    for place, motion in motions[1:]:
        if motion is not motions[0][1]:
            kind = motion.value if motion is not None else "both motions'"
            yield Fault((*path, *place), f"the arm takes {kind} leads, the first arm others")


def _unknown_tables(
    teams: Teams,
    own: RoutingFile | RoleRules,
    role: RoleName,
    path: Path,
    known: Mapping[str, Table],
) -> Iterator[Fault]:
    for at, rule in enumerate(own.rules):
        if rule.territory is None:
            continue
        place = (*path, "rules", at, "territory")
        table = known.get(rule.territory)
        if table is None:
            hint = did_you_mean(rule.territory, tuple(known))
            yield Fault(place, f"there is no table {rule.territory} in territories.yaml{hint}")
        else:
            yield from (Fault(place, text) for text in role_faults(table, teams, role))


def _no_pool(teams: Teams, pool: str, path: Path, role: RoleName | None = None) -> Iterator[Fault]:
    """:param role: that the rules are for; None where any pool will do."""
    known = teams.pool.get(pool)
    if known is None:
        yield Fault(path, f"unknown pool {pool}{did_you_mean(pool, tuple(teams.pool))}")
    elif role is not None and known.role is not role:
        yield Fault(path, f"{pool} is for the {known.role}, these rules are for the {role}")
