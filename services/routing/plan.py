"""The configuration as the decision uses it: rules, pools and people, indexed. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from schemas.base import KindName, RoleName, TierName
from services.kernel.calendars import Calendars
from services.kernel.people import Pool, Rep, Teams, WindowCaps, steady_until
from services.routing.eligibility import Barred, away
from services.routing.matching import MatchPolicy
from services.routing.ownership import OwnerPolicy
from services.routing.policy import Rule, RuleSet, Target

TIERS = tuple(tier.value for tier in TierName)
ALL_TIERS = "all"
"""The tier group of a pool that rotates all tiers together."""


@dataclass(frozen=True)
class Plan:
    """All that routing decides with."""

    rules: tuple[Rule, ...]
    """Of the first role, ``sdr``."""
    catch_all: Target
    teams: Teams
    calendars: Calendars
    hand_raises: frozenset[KindName]
    """Kinds by which a known person asks to be heard again."""
    anew_after: timedelta
    """A lead whose owner heard nothing of it for so long is routed anew."""
    owner: OwnerPolicy
    max_attempts: int
    """After so many attempts of one hand-raise the manager gets it."""
    turns_returned_per_day: int
    """Of the turns that rejects give back to one rep."""
    idle_after: timedelta = timedelta(days=30)
    """An attempt about which nothing happened for so long is closed."""
    managers: Mapping[str, str] = field(default_factory=dict)
    """Pool to the person who gets what the pool cannot place."""
    matching: MatchPolicy = field(default_factory=MatchPolicy)
    """How a lead's account is found."""
    diversions: Mapping[str, str] = field(default_factory=dict)
    """Where what is no lead goes, by its kind."""
    later_roles: Mapping[RoleName, RuleSet] = field(default_factory=dict)
    """Rules of the roles that a lead is handed over to."""

    _reachable: dict[tuple[str | None, RoleName], frozenset[str]] = field(
        default_factory=dict, repr=False, compare=False
    )
    _away: dict[str, tuple[datetime, datetime, Barred | None]] = field(
        default_factory=dict, repr=False, compare=False
    )

    @cached_property
    def weights(self) -> Mapping[str, Mapping[str, int]]:
        """Pool to member to weight."""
        return {
            pool.id: {member.rep: member.weight for member in pool.members}
            for pool in self.teams.pools
        }

    @cached_property
    def choosy(self) -> frozenset[str]:
        """Who takes the leads of a territory of their own only."""
        return frozenset(rep.id for rep in self.teams.reps if rep.takes is not None)

    @cached_property
    def named(self) -> Mapping[str, str]:
        """What others call a rep (id, e-mail, external ids) to the rep's id."""
        names: dict[str, str] = {}
        for rep in self.teams.reps:
            for name in (*rep.external_ids.values(), rep.email):
                names.setdefault(name.casefold(), rep.id)
        names.update((rep.id, rep.id) for rep in self.teams.reps)
        return names

    def person(self, name: str) -> Rep | None:
        """Who is meant by an id, an e-mail address or an external id."""
        return self.rep(self.named.get(name) or self.named.get(name.casefold()))

    def takes_leads(self, name: str) -> bool:
        rep = self.person(name)
        return rep is not None and rep.active

    @cached_property
    def capped(self) -> frozenset[str]:
        """The reps whose leads must be counted, whoever's command bounds others besides."""
        own = {rep.id for rep in self.teams.reps if rep.caps.bounded}
        in_pools = {
            rep
            for pool in self.teams.pools
            for rep in self.seats[pool.id]
            if self.caps_in(pool, rep).limits()
        }
        return frozenset(own | in_pools)

    @cached_property
    def seats(self) -> Mapping[str, frozenset[str]]:
        """Pool to everybody who may get its leads in turn: members, and who stands in for them."""
        return {
            pool.id: frozenset(
                name
                for member in pool.members
                for name in (member.rep, *self._backups.get(member.rep, ()))
            )
            for pool in self.teams.pools
        }

    @cached_property
    def _backups(self) -> Mapping[str, tuple[str, ...]]:
        return {
            rep.id: tuple(
                name
                for name in (rep.backup, *(one.backup for one in rep.leave))
                if name is not None
            )
            for rep in self.teams.reps
        }

    @cached_property
    def _own_caps(self) -> Mapping[tuple[str, str], WindowCaps]:
        return {
            (pool.id, member.rep): member.caps
            for pool in self.teams.pools
            for member in pool.members
            if member.caps is not None
        }

    def caps_in(self, pool: Pool, rep: str) -> WindowCaps:
        """What bounds the leads that a person gets of one pool."""
        return self._own_caps.get((pool.id, rep), pool.caps)

    @cached_property
    def first_role(self) -> RuleSet:
        return RuleSet(self.rules, self.catch_all)

    def rule_set(self, role: RoleName) -> RuleSet | None:
        """The rules of a role; None where no lead is routed to it."""
        return self.first_role if role is RoleName.SDR else self.later_roles.get(role)

    def rules_of(self, role: RoleName) -> RuleSet:
        """The same; the first role's where a configuration no longer knows it."""
        return self.rule_set(role) or self.first_role

    def catch_all_pool(self, role: RoleName) -> Pool | None:
        """Where the leads of a role end that nobody else takes."""
        known = self.rule_set(role)
        return self.pool(known.catch_all.pool) if known is not None else None

    def pool(self, name: str | None) -> Pool | None:
        return self.teams.pool.get(name) if name is not None else None

    def rep(self, name: str | None) -> Rep | None:
        return self.teams.rep.get(name) if name is not None else None

    def chain(self, name: str | None) -> tuple[Pool, ...]:
        """A pool and, in order, those that it overflows into."""
        found: list[Pool] = []
        pool = self.pool(name)
        while pool is not None and pool not in found:
            found.append(pool)
            pool = self.pool(pool.overflow)
        return tuple(found)

    def reachable(self, name: str | None, role: RoleName = RoleName.SDR) -> frozenset[str]:
        """The pools that a lead of ``name`` may end in: itself, its overflows, the catch-all.

        :param role: of the lead, where no pool says it.
        """
        pool = self.pool(name)
        role = pool.role if pool is not None else role
        key = (name, role)
        if key not in self._reachable:
            last = self.catch_all_pool(role)
            ends = [*self.chain(name), *([last] if last is not None else [])]
            self._reachable[key] = frozenset(pool.id for pool in ends)
        return self._reachable[key]

    def away(self, rep: str, now: datetime) -> Barred | None:
        """Why a rep gets nothing at ``now``, as configured; worked out once per stretch."""
        known = self._away.get(rep)
        if known is None or not known[0] <= now < known[1]:
            person = self.rep(rep)
            why = away(person, self.calendars, now, None)
            known = self._away[rep] = (now, self._steady_until(person, now), why)
        return known[2]

    def _steady_until(self, person: Rep | None, now: datetime) -> datetime:
        if person is None:
            return now + timedelta(days=1)
        return steady_until(person, self.calendars[person.calendar], now)

    def pools_of(self, person: str) -> tuple[str, ...]:
        return tuple(name for name, weights in self.weights.items() if person in weights)


def tier_group(pool: Pool, tier: TierName) -> str:
    """Which of the pool's rotations a lead belongs to."""
    return tier.value if pool.rotate_tiers_apart else ALL_TIERS
