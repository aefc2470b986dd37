"""What may be asked of a review over HTTP; what a computation reads is the same. Pure."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from services.kernel.asked import Asked, Files, Moves, Name, OfConfiguration, OfPeriod
from services.kernel.texts import Storable


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


class Tests(Asked):
    """Whether a configuration does what its examples say; ``handraise config test``."""

    tests: Annotated[str, Field(min_length=1), Storable]
    """The text of ``routing.tests.yaml``."""
    version: Name | None = None
    files: Files = Field(default_factory=dict)
    min_coverage: Annotated[float, Field(ge=0, le=100)] = 0.0
    """Percent of the rules."""


class Check(Asked):
    """Whether every service understands the files, and what of them has no effect."""

    version: Name | None = None
    files: Files = Field(default_factory=dict)
