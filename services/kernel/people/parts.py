"""What the models of ``teams.yaml`` are made of."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$", examples=["ana"])]
"""A short name that other files and commands use."""
Count = Annotated[int, Field(ge=1, le=1_000_000)]


class Strict(BaseModel):
    """A part of the file: what it does not know is a fault."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
