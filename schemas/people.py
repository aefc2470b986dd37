"""A rep as the other services and tools need to know them."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from schemas.base import Event, Instant, RoleName


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
    config_version: str
    changed_at: Instant

    @property
    def subject(self) -> str:
        return self.rep_id
