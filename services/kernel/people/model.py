"""``teams.yaml``: who takes leads, and in which pools."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from schemas.base import RoleName, TierName
from services.kernel.durations import Duration
from services.kernel.faults import Fault, validation_error
from services.kernel.identity import normalise_email
from services.kernel.people.checks import team_faults
from services.kernel.timezones import TimeZoneName, zone_of


def _address(text: str) -> str:
    found = normalise_email(text)
    if found is None:
        raise ValueError(f"{text!r} is no e-mail address")
    return found.address


Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$", examples=["ana"])]
"""A short name that other files and commands use."""
Address = Annotated[str, AfterValidator(_address)]
Count = Annotated[int, Field(ge=1)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Leave(_Model):
    """Whole days away, by the calendar on the person's wall."""

    first: date = Field(alias="from")
    last: date = Field(alias="until")
    """The last day away."""
    reason: str = "leave"

    @model_validator(mode="after")
    def _in_order(self) -> Leave:
        if self.last < self.first:
            raise validation_error("leave", [Fault(("until",), "the leave ends before it starts")])
        return self

    def covers(self, day: date) -> bool:
        return self.first <= day <= self.last


class Caps(_Model):
    """How many leads somebody takes per window of their own wall clock; None for no limit."""

    hour: Count | None = None
    day: Count | None = None
    week: Count | None = None
    """From Monday."""
    open: Count | None = None
    """At one time: leads that are assigned and not yet worked."""


class Rep(_Model):
    """A person who takes leads."""

    id: Slug
    name: str
    email: Address
    role: RoleName
    time_zone: TimeZoneName
    calendar: str
    """A name in ``calendars.yaml``."""
    active: bool = True
    external_ids: dict[str, str] = {}
    """Who the person is elsewhere, e.g. ``{slack: U024BE7LH}``."""
    languages: tuple[str, ...] = ()
    skills: tuple[str, ...] = ()
    caps: Caps = Caps()
    leave: tuple[Leave, ...] = ()

    @cached_property
    def zone(self) -> ZoneInfo:
        return zone_of(self.time_zone)


class NobodyFree(StrEnum):
    """What to do with a lead when no member of the pool can take it now."""

    HOLD = "hold"
    """Wait for the first who can."""
    OVERFLOW = "overflow"
    """Ask another pool."""
    ROUTE_ANYWAY = "route_anyway"
    """Give it to whose turn it is, hours or not."""


class MaxHold(_Model):
    """How long a lead may wait for a member, by tier."""

    hot: Duration = timedelta(days=1)
    warm: Duration = timedelta(days=3)
    nurture: Duration = timedelta(days=7)

    def of(self, tier: TierName) -> timedelta:
        match tier:
            case TierName.HOT:
                return self.hot
            case TierName.WARM:
                return self.warm
            case TierName.NURTURE:
                return self.nurture


class Member(_Model):
    """A rep's share of a pool."""

    rep: str
    weight: Annotated[int, Field(ge=1, le=1_000)] = 1
    """Relative to the other members: 2 gets twice the leads of 1."""


def _bare_members_too(schema: dict[str, Any]) -> None:
    """Editors accept what :meth:`Pool._bare_members` accepts."""
    members = schema["properties"]["members"]
    members["items"] = {"anyOf": [members["items"], {"type": "string"}]}


class Pool(_Model):
    """Reps who share leads fairly."""

    model_config = ConfigDict(json_schema_extra=_bare_members_too)

    id: Slug
    role: RoleName
    members: Annotated[tuple[Member, ...], Field(min_length=1)]
    """A bare rep id stands for a member of weight 1."""
    rotate_tiers_apart: bool = False
    """True: each tier has its own turns, so that nobody gets all the hot ones."""
    nobody_free: NobodyFree = NobodyFree.HOLD
    overflow: str | None = None
    """The pool that is asked next."""
    max_hold: MaxHold = MaxHold()
    charge_owner_turn: bool = True
    """Whether a lead that goes to its owner counts as the owner's turn."""

    @model_validator(mode="before")
    @classmethod
    def _bare_members(cls, data: Any) -> Any:
        members = data.get("members") if isinstance(data, Mapping) else None
        if not isinstance(members, list):
            return data
        full = [{"rep": one} if isinstance(one, str) else one for one in members]
        return {**data, "members": full}


class Teams(_Model):
    """The file."""

    reps: tuple[Rep, ...]
    pools: tuple[Pool, ...]

    @model_validator(mode="after")
    def _consistent(self) -> Teams:
        faults = team_faults(self)
        if faults:
            raise validation_error("teams", faults)
        return self

    @cached_property
    def rep(self) -> Mapping[str, Rep]:
        """Reps by id."""
        return {rep.id: rep for rep in self.reps}

    @cached_property
    def pool(self) -> Mapping[str, Pool]:
        """Pools by id."""
        return {pool.id: pool for pool in self.pools}
