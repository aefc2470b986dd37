"""What the models of ``teams.yaml`` are made of."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$", examples=["ana"])]
"""A short name that other files and commands use."""
Count = Annotated[int, Field(ge=1, le=1_000_000)]


class Strict(BaseModel):
    """A part of the file: what it does not know is a fault."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


def leave_fault(first: date, last: date) -> str | None:
    """What is wrong with the days of a leave; None where nothing is."""
    if last < first:
        return "the leave ends before it starts"
    if last == date.max:  # no calendar has a day on which somebody could be back
        return "a leave ends before 9999-12-31; who does not come back is not active"
    return None
