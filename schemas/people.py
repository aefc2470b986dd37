"""A rep as the other services and tools need to know them."""

from __future__ import annotations

from datetime import date
from typing import ClassVar

from pydantic import Field

from schemas.base import Event, Instant, Model, RoleName


class LeaveInterval(Model):
    """Whole days away on the person's own clock, as instants."""

    starts_at: Instant
    ends_at: Instant
    """Excluded: the first instant of the first day back."""
    reason: str = "leave"
    stops_at: Instant | None = None
    """From when on the person gets no new leads, where that is before the leave starts."""
    backup: str | None = None
    """Rep id of who stands in for this leave; None: whoever is the person's usual backup."""


class PersonChanged(Event):
    """The latest state of one rep. Key: ``rep_id``, compacted."""

    TYPE: ClassVar[str] = "com.handraise.person.changed.v1"

    rep_id: str
    name: str
    email: str
    role: RoleName
    pools: tuple[str, ...]
    time_zone: str
    """IANA name."""
    calendar: str
    """Name of the working-hours calendar in ``calendars.yaml``."""
    active: bool
    paused: bool = False
    caps: dict[str, int] = Field(default_factory=dict)
    """Leads per window, e.g. ``{"day": 20}``."""
    external_ids: dict[str, str] = Field(default_factory=dict)
    paused_until: Instant | None = None
    """When the pause ends by itself; None while not paused, or until a person ends it."""
    leave: tuple[LeaveInterval, ...] = ()
    """Present and coming leave, in order."""
    backup: str | None = None
    """Rep id of who stands in while this person is away."""
    manager: str | None = None
    """Rep id of whom this person reports to."""
    languages: tuple[str, ...] = ()
    skills: tuple[str, ...] = ()
    joined: date | None = None
    """First day on the team; a joiner starts with a part of the full share."""
    changed_by: str | None = None
    """Who changed it by command; None where the configuration did."""
    config_version: str
    changed_at: Instant

    @property
    def subject(self) -> str:
        return self.rep_id
