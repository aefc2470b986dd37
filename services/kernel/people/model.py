"""``teams.yaml``: who takes leads, and in which pools."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from schemas.base import Motion, RoleName, TierName
from services.kernel.conditions import Condition
from services.kernel.durations import Duration
from services.kernel.faults import Fault, validation_error
from services.kernel.identity import normalise_email
from services.kernel.people.caps import Caps, RampStep, WindowCaps
from services.kernel.people.checks import team_faults
from services.kernel.people.parts import Day, Slug, Strict, leave_fault
from services.kernel.timezones import TimeZoneName, zone_of


def _address(text: str) -> str:
    found = normalise_email(text)
    if found is None:
        raise ValueError(f"{text!r} is no e-mail address")
    return found.address


Address = Annotated[str, AfterValidator(_address)]


class Leave(Strict):
    """Whole days away, by the calendar on the person's wall."""

    first: date = Field(alias="from")
    last: date = Field(alias="until")
    """The last day away."""
    reason: str = "leave"
    backup: Slug | None = None
    """Who stands in; None: the person's usual backup."""

    @model_validator(mode="after")
    def _in_order(self) -> Leave:
        if (wrong := leave_fault(self.first, self.last)) is not None:
            raise validation_error("leave", [Fault(("until",), wrong)])
        return self

    def covers(self, day: date) -> bool:
        return self.first <= day <= self.last


class LeaveCalendar(Strict):
    """A calendar whose days away are leave: its address, or the secret that holds it."""

    url: Annotated[str, Field(pattern=r"^(https|webcal)://[^\s]+$", max_length=2000)] | None = None
    secret: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")] | None = None
    """``NAME`` of ``HANDRAISE_SECRET_NAME``: who knows a private address reads the calendar."""

    @model_validator(mode="after")
    def _one_of_both(self) -> LeaveCalendar:
        if (self.url is None) == (self.secret is None):
            raise ValueError("needs either url or secret")
        return self


class Rep(Strict):
    """A person who takes leads."""

    id: Slug
    name: str
    email: Address
    role: RoleName
    time_zone: TimeZoneName
    calendar: str
    """A name in ``calendars.yaml``."""
    active: bool = True
    external_ids: dict[str, str] = Field(default_factory=dict)
    """Who the person is elsewhere, e.g. ``{slack: U024BE7LH}``."""
    languages: tuple[str, ...] = ()
    skills: tuple[str, ...] = ()
    takes: Condition | None = None
    """The person's territory: only leads for which this is true."""
    caps: Caps = Caps()
    leave: tuple[Leave, ...] = ()
    leave_calendar: LeaveCalendar | None = None
    """Read every 15 minutes: days away in it become leave."""
    leave_buffer_days: Annotated[int, Field(ge=0, le=20)] = 0
    """Working days before a leave on which the person gets no new leads; the file may set it for
    everybody."""
    backup: Slug | None = None
    """Who stands in while this person is paused, on leave or gone."""
    manager: Slug | None = None
    """Whom this person reports to."""
    joined: Day | None = None
    """First day on the team: no lead before it, and a part of the full share while the ramp of the
    file lasts."""

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


class PoolModel(StrEnum):
    """How a team shares the work of its leads."""

    BLENDED = "blended"
    """Its people take inbound and outbound leads, and hand over what they qualified."""
    SPECIALISED = "specialised"
    """It takes the leads of one motion only."""
    FULL_CYCLE = "full_cycle"
    """Whoever gets a lead keeps it in the next roles too."""


class MaxHold(Strict):
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


class Member(Strict):
    """A rep's share of a pool."""

    rep: str
    weight: Annotated[int, Field(ge=1, le=1_000)] = 1
    """Relative to the other members: 2 gets twice the leads of 1."""
    caps: WindowCaps | None = None
    """Of this pool's leads; None: as the pool says."""


class Need(Strict):
    """What a lead of this kind asks of whoever gets it."""

    when: Condition
    """Which leads; an unknown value asks for nothing."""
    languages: tuple[str, ...] = ()
    skills: tuple[str, ...] = ()
    """All of them are needed."""
    prefer: bool = False
    """True: whoever has them goes first, and where none of them is free the others are asked."""

    @model_validator(mode="after")
    def _something(self) -> Need:
        if not (self.languages or self.skills):
            raise ValueError("needs which languages or skills?")
        return self


class Cover(Strict):
    """When somebody of a pool should be at work."""

    calendar: str
    """A name in ``calendars.yaml``."""
    time_zone: TimeZoneName = "UTC"
    """On whose wall the calendar hangs."""

    @cached_property
    def zone(self) -> ZoneInfo:
        return zone_of(self.time_zone)


class Pull(Strict):
    """The pool's leads are offered to its members, who claim them."""

    within: Duration = timedelta(minutes=30)
    """A lead that nobody claimed for so long goes to whose turn it is."""
    tiers: frozenset[TierName] = frozenset(TierName)
    """Leads of other tiers go by turn at once."""
    charge_turn: bool = True
    """Whether a claim is a turn, so that those who claim little come first when a lead goes by
    turn."""


def _bare_members_too(schema: dict[str, Any]) -> None:
    """Editors accept what :meth:`Pool._bare_members` accepts."""
    members = schema["properties"]["members"]
    members["items"] = {"anyOf": [members["items"], {"type": "string"}]}


class Pool(Strict):
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
    caps: WindowCaps = WindowCaps()
    """Of this pool's leads, for each member."""
    needs: tuple[Need, ...] = ()
    """Languages and skills that some leads ask for."""
    cover: Cover | None = None
    """When somebody should be there; ``config check`` names the hours that nobody works."""
    charge_owner_turn: bool = True
    """Whether a lead that goes to its owner counts as the owner's turn."""
    pull: Pull | None = None
    """None: leads are given, not offered."""
    model: PoolModel = PoolModel.BLENDED
    motion: Motion | None = None
    """Of a specialised pool: which leads it takes. A rule that names it passes the others by."""

    @property
    def full_cycle(self) -> bool:
        return self.model is PoolModel.FULL_CYCLE

    def takes(self, motion: Motion) -> bool:
        """Whether leads of a motion are for this pool."""
        return self.motion is None or self.motion is motion

    @model_validator(mode="after")
    def _motion_of_specialists(self) -> Pool:
        if (self.model is PoolModel.SPECIALISED) is not (self.motion is not None):
            fault = Fault(("motion",), "a specialised pool names its motion, another one does not")
            raise validation_error("pool", [fault])
        return self

    @model_validator(mode="before")
    @classmethod
    def _bare_members(cls, data: Any) -> Any:
        members = data.get("members") if isinstance(data, Mapping) else None
        if not isinstance(members, list):
            return data
        full = [{"rep": one} if isinstance(one, str) else one for one in members]
        return {**data, "members": full}


class Teams(Strict):
    """The file."""

    reps: tuple[Rep, ...]
    pools: tuple[Pool, ...]
    ramp: tuple[RampStep, ...] = ()
    """What part of the full share somebody who joined gets, step by step; then all of it."""
    leave_buffer_days: Annotated[int, Field(ge=0, le=20)] = 0
    """For each rep who does not say otherwise."""
    stale_after: Duration | None = None
    """A lead that lies with its rep for longer no longer counts as open; None: it always does."""

    @model_validator(mode="before")
    @classmethod
    def _buffer_for_everybody(cls, data: Any) -> Any:
        usual = data.get("leave_buffer_days") if isinstance(data, Mapping) else None
        reps = data.get("reps") if usual is not None else None
        if not isinstance(reps, list):
            return data
        full = [
            {"leave_buffer_days": usual, **one} if isinstance(one, Mapping) else one for one in reps
        ]
        return {**data, "reps": full}

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
