"""What the models of ``teams.yaml`` are made of."""

from __future__ import annotations

from datetime import MAXYEAR, MINYEAR, date
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$", examples=["ana"])]
"""A short name that other files and commands use."""
MOST: Final = 1_000_000
"""Leads of a cap, and whatever else is counted in the file."""
Count = Annotated[int, Field(ge=1, le=MOST)]


_YEARS = "within the years 2 to 9998"


def _on_every_clock(day: date) -> date:
    if not _told(day):
        raise ValueError(f"a day must lie {_YEARS}")
    return day


Day = Annotated[date, AfterValidator(_on_every_clock)]
"""A day whose start and end any time zone's clock can be told of."""


class Strict(BaseModel):
    """A part of the file: what it does not know is a fault."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


def leave_fault(first: date, last: date) -> str | None:
    """What is wrong with the days of a leave; None where nothing is."""
    if last < first:
        return "the leave ends before it starts"
    if not (_told(first) and _told(last)):
        return f"a leave lies {_YEARS}; who does not come back is not active"
    return None


def _told(day: date) -> bool:
    return MINYEAR < day.year < MAXYEAR
