"""``routing.yaml``: the file as it is written."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated

from pydantic import Field, model_validator

from schemas.base import KindName, RoleName
from services.kernel.durations import Duration
from services.kernel.faults import Fault, Path, validation_error
from services.routing.companies import Level
from services.routing.fields import RoutingCondition
from services.routing.matching import Filter, MatchPolicy, Support, TieBreaker
from services.routing.ownership import OwnerAway, OwnerPolicy
from services.routing.policy import CATCH_ALL
from services.routing.split_file import (
    DivertFile,
    Name,
    SplitFile,
    Strict,
    Text,
    repeated_experiments,
)


class RuleFile(Strict):
    """One rule: who it is for, and where they go."""

    id: Name
    when: RoutingCondition
    """An unknown value does not fire a rule."""
    pool: Name | None = None
    nurture: bool = False
    """True: no rep gets the lead; marketing keeps it warm."""
    territory: Name | None = None
    """A table of ``territories.yaml`` whose rows name the pool; where no row fits, the next rule
    is asked."""
    divert: DivertFile | None = None
    """It is no lead: nobody of sales gets it, whoever owns the account."""
    split: SplitFile | None = None
    """An experiment: the leads of the rule are split over several arms."""

    @model_validator(mode="after")
    def _one_end(self) -> RuleFile:
        ends = (self.pool, self.nurture, self.territory, self.split, self.divert)
        if sum(map(bool, ends)) != 1:
            raise ValueError(
                "a rule has either a pool or nurture: true, or a territory, a split or a divert"
            )
        return self

    @property
    def pools(self) -> Iterator[tuple[Path, str]]:
        """The pools that it names itself, each with where it stands."""
        if self.pool is not None:
            yield ("pool",), self.pool
        for at, arm in enumerate(self.split.arms if self.split is not None else ()):
            if arm.pool is not None:
                yield ("split", "arms", at, "pool"), arm.pool


class CatchAll(Strict):
    """Where everything goes that no rule takes."""

    pool: Name


class RoleRules(Strict):
    """Who gets a lead once it is handed over to a later role."""

    rules: tuple[RuleFile, ...] = ()
    catch_all: CatchAll

    @model_validator(mode="after")
    def _distinct(self) -> RoleRules:
        faults = list(_repeated(self.rules))
        if faults:
            raise validation_error("role", faults)
        return self


class Owner(Strict):
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


class Matching(Strict):
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


class Returning(Strict):
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


class Attempts(Strict):
    """When a rep gives a lead back."""

    most: Annotated[int, Field(ge=1, le=50)] = 3
    """After so many attempts the pool's manager gets the lead."""
    turns_returned_per_day: Annotated[int, Field(ge=0, le=1_000)] = 5
    """Rejects beyond this cost the rep their turn."""
    idle_after: Duration = timedelta(days=30)
    """An attempt about which nothing happened for so long is closed."""


class RoutingFile(Strict):
    """The file."""

    owner: Owner = Owner()
    matching: Matching = Matching()
    returning: Returning = Returning()
    attempts: Attempts = Attempts()
    diversions: dict[Name, Text] = Field(default_factory=dict)
    """Where what is no lead goes, by its kind: an address, or a note for a person."""
    managers: dict[Name, Name] = Field(default_factory=dict)
    """Pool to the rep who gets what the pool cannot place."""
    rules: tuple[RuleFile, ...] = ()
    """The first that fires decides."""
    catch_all: CatchAll
    roles: dict[RoleName, RoleRules] = Field(default_factory=dict)
    """Rules of the roles after sdr, e.g. of the ae who gets what an SDR qualified."""

    @model_validator(mode="after")
    def _distinct(self) -> RoutingFile:
        faults = list(_repeated(self.rules))
        if RoleName.SDR in self.roles:
            faults.append(Fault(("roles", "sdr"), "the rules at the top are the sdr's"))
        faults += repeated_experiments(self._splits())
        if faults:
            raise validation_error("routing", faults)
        return self

    def _splits(self) -> Iterator[tuple[Path, SplitFile]]:
        """Every experiment of all roles, with where it stands."""
        places: list[tuple[Path, tuple[RuleFile, ...]]] = [((), self.rules)]
        places += [(("roles", role.value), own.rules) for role, own in self.roles.items()]
        for place, rules in places:
            for at, rule in enumerate(rules):
                if rule.split is not None:
                    yield (*place, "rules", at, "split"), rule.split


def _repeated(rules: tuple[RuleFile, ...]) -> Iterator[Fault]:
    seen = {CATCH_ALL}
    for at, rule in enumerate(rules):
        if rule.id in seen:
            yield Fault(("rules", at, "id"), f"{rule.id} is there twice")
        seen.add(rule.id)
