"""How soon somebody must answer, from ``response.yaml``, as a rep is told it. Pure.

The file is the response service's, which checks it whole; of it this is read and no more. When the
time is up to the minute stands in the reminder, which that service sends.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from pydantic import BaseModel, ConfigDict

from services.kernel.durations import Duration
from services.runtime.configfile import ConfigError
from services.runtime.configfile import parse as parse_file

FILE: Final = "response.yaml"
_WALL_CLOCK: Final = "wall_clock"


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Steps(_Read):
    breach: Duration | None = None


class _Team(_Read):
    time: str | None = None
    tiers: dict[str, _Steps] = {}


class _File(_Read):
    time: str = "team_and_person"
    tiers: dict[str, _Steps] = {}
    teams: dict[str, _Team] = {}


@dataclass(frozen=True, slots=True)
class Answering:
    """What each tier and team allows."""

    file: _File = field(default_factory=_File)

    @classmethod
    def read(cls, files: Mapping[str, str]) -> Answering:
        """Nothing is known where the file is missing, or wrong: others say that it is."""
        if FILE not in files:
            return cls()
        try:
            return cls(parse_file(_File, files[FILE], FILE))
        except ConfigError:
            return cls()

    def within(self, tier: str, pool: str | None) -> str | None:
        """``5 minutes``, ``4 hours of working time``; None where no clock runs."""
        team = self.file.teams.get(pool or "", _Team())
        # A tier that a team names has the team's steps and no others.
        steps = team.tiers.get(tier) or self.file.tiers.get(tier)
        if steps is None or steps.breach is None:
            return None
        said = _said(steps.breach)
        return said if (team.time or self.file.time) == _WALL_CLOCK else f"{said} of working time"


def _said(length: timedelta) -> str:
    seconds = int(length.total_seconds())
    sizes: tuple[tuple[int, str], ...] = ((86_400, "day"), (3_600, "hour"), (60, "minute"))
    for size, name in (*sizes, (1, "second")):
        if seconds % size == 0:
            count = seconds // size
            return f"{count} {name}{'' if count == 1 else 's'}"
    raise AssertionError(f"{seconds} is divisible by 1")
