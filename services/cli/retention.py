"""``retention.yaml``: how long rows are kept that nobody decides with; for ``handraise prune``.

The file decides about no lead, so it is no part of a configuration version. A folder without it has
the defaults.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    WithJsonSchema,
    field_validator,
)
from pydantic_core.core_schema import ValidationInfo

from schemas.topics import LONGEST_RETENTION
from services.kernel.durations import Duration, duration, written
from services.runtime.configfile import Faults
from services.runtime.configstore import RETENTION
from services.runtime.pruning import Keep
from services.runtime.repeats import SHORTEST

_FOREVER = "forever"
_WEEK = timedelta(days=7)


def _length(value: object) -> timedelta | None:
    return None if value == _FOREVER else duration(value)


OrForever = Annotated[
    timedelta | None,
    BeforeValidator(_length),
    PlainSerializer(lambda length: _FOREVER if length is None else written(length)),
    WithJsonSchema({"type": "string", "pattern": r"^\s*(forever|\d{1,6}\s*(ms|s|m|h|d))\s*$"}),
]


class RetentionFile(BaseModel):
    """The file. Every length counts from when a row was last of any use, in days of 24 hours."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    repeats: Duration = timedelta(days=60)
    """An input that comes again within this time is recognised and gets the outputs that it had; an
    older one is dead-lettered as too_old and never decided. Longer than any topic keeps records."""
    delivery_keys: Duration = timedelta(days=28)
    """Beyond their expiry (vendors' ids live 30 days, bodies 24 hours): a submission that was
    received in time may have waited on its topic since."""
    quarantine: Duration = timedelta(days=28)
    """Submissions that were set aside, with their bytes, released or not."""
    bookkeeping: Duration = timedelta(days=90)
    """What clocks, deliveries and doors leave behind when they are done."""
    stories: OrForever = None
    """Lines that only `explain` reads: what clocks did, what was known at each revision. Decisions,
    scores and people have no such setting: they stay."""

    @field_validator("*")
    @classmethod
    def _long_enough(cls, value: timedelta | None, info: ValidationInfo) -> timedelta | None:
        least, why = _LEAST.get(info.field_name or "", (_WEEK, "people work off lists by the week"))
        if value is not None and value < least:
            raise ValueError(f"must be {least.days}d or more: {why}")
        return value

    def keep(self) -> dict[Keep, timedelta | None]:
        """By what is kept; None for ever."""
        return {what: getattr(self, what.value) for what in Keep}


_TOPICS = f"topics keep records for {LONGEST_RETENTION.days}d"
_LEAST = {
    "repeats": (SHORTEST, f"{_TOPICS}, and one that comes again must not be decided again"),
    "delivery_keys": (LONGEST_RETENTION, f"{_TOPICS}, and a repeat may have waited there so long"),
}


def beside(folder: Path) -> dict[str, str]:
    """The file of a folder, where it has one: name and text."""
    path = folder / RETENTION
    return {RETENTION: path.read_text("utf-8", "replace")} if path.is_file() else {}


def parse(files: Mapping[str, str]) -> RetentionFile:
    """What a set of files says.

    :raises ConfigError: with every fault of the file.
    """
    faults = Faults(files)
    found = faults.parse(RetentionFile, RETENTION) if RETENTION in files else RetentionFile()
    faults.check()
    assert found is not None
    return found
