"""What may be asked of a review over HTTP; what a computation reads is the same. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from services.kernel.texts import Storable

DAYS = 30
"""Looked at where no period is named."""
Name = Annotated[str, Field(min_length=1, max_length=64), Storable]
FileName = Annotated[
    str, Field(max_length=100, pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*\.(yaml|csv)$")
]
Files = Annotated[dict[FileName, Annotated[str, Storable] | None], Field(max_length=100)]
"""Name to text: they take the place of the version's own; null takes one away."""
Moves = Annotated[int, Field(ge=0, le=10_000)]
"""How many of those that move are told one by one."""


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OfPeriod(_Asked):
    """``since`` and ``until``, with their offsets."""

    since: AwareDatetime | None = None
    until: AwareDatetime | None = None

    @model_validator(mode="after")
    def _ordered(self) -> OfPeriod:
        if self.since is not None and self.until is not None and self.until <= self.since:
            raise ValueError("until must lie after since")
        return self

    def within(self, now: datetime, days: int = DAYS) -> tuple[datetime, datetime]:
        """The period; where nothing is said, so many days until ``now``."""
        end = self.until or now
        return self.since or end - timedelta(days=days), end


class OfConfiguration(OfPeriod):
    """A published version, the active one where none is named, with other files in place of its."""

    version: Name | None = None
    files: Files = Field(default_factory=dict)


class Simulation(OfConfiguration):
    """What would this configuration have done, or do; ``handraise simulate``."""

    old: Name | None = None
    """Compare with this version instead of with what was recorded."""
    what_if: Annotated[
        list[Annotated[str, Field(max_length=200), Storable]], Field(max_length=20)
    ] = Field(default_factory=list)
    """``dana away next week``, ``dana left``, ``dana cap day=5``: about the time to come."""
    moves: Moves = 100

    @model_validator(mode="after")
    def _one_time(self) -> Simulation:
        if self.what_if and (self.since or self.until or self.old):
            raise ValueError("what_if is about the time to come: no since, until or old with it")
        return self


class Recomputation(OfPeriod):
    """Every stored decision again; ``handraise recompute``."""


class Correction(OfConfiguration):
    """Mend what a wrong rule did; ``handraise correct``."""

    untouched: bool = False
    """Only leads that nobody accepted or worked on."""
    dry_run: bool = False
    """Only say what would move."""
    reason: Annotated[str, Field(max_length=500), Storable] = ""
    """Stands in every event."""


class Tests(_Asked):
    """Whether a configuration does what its examples say; ``handraise config test``."""

    tests: Annotated[str, Field(min_length=1), Storable]
    """The text of ``routing.tests.yaml``."""
    version: Name | None = None
    files: Files = Field(default_factory=dict)
    min_coverage: Annotated[float, Field(ge=0, le=100)] = 0.0
    """Percent of the rules."""


class Check(_Asked):
    """Whether every service understands the files, and what of them has no effect."""

    version: Name | None = None
    files: Files = Field(default_factory=dict)
