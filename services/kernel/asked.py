"""What a review of any service may be asked for over HTTP: a period, a configuration. Pure."""

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


class Asked(BaseModel):
    """A body with nothing that is not understood."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class OfPeriod(Asked):
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
