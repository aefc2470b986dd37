"""Weekly working hours: blocks of a day, as a rule-maker writes them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from services.kernel.faults import Fault, validation_error

DAY = 24 * 60
"""Minutes of a day on the wall clock."""

Span = tuple[int, int]
"""From minute to minute of one day, the end excluded."""

_PATTERN = r"^\s*([01]?\d|2[0-4]):([0-5]\d)\s*-\s*([01]?\d|2[0-4]):([0-5]\d)\s*$"
_BLOCK = re.compile(_PATTERN)


class Block:
    """One stretch of work, written ``09:00-17:30``. ``22:00-06:00`` ends on the next day."""

    __slots__ = ("end", "start")

    def __init__(self, text: str) -> None:
        """:raises ValueError: says what is wrong with the text."""
        found = _BLOCK.match(text)
        if found is None:
            raise ValueError("hours are written as 09:00-17:30")
        hour, minute, end_hour, end_minute = map(int, found.groups())
        self.start = hour * 60 + minute
        """Minute of the day."""
        self.end = end_hour * 60 + end_minute
        """Minute of the day; past 1,440 it is on the next day."""
        if self.start >= DAY or self.end > DAY:
            raise ValueError("a day starts at 00:00 and ends at 24:00")
        if self.start == self.end:
            raise ValueError("the block is empty; the whole day is 00:00-24:00")
        if self.end < self.start:
            self.end += DAY

    def __str__(self) -> str:
        end = self.end - DAY if self.end > DAY else self.end
        return f"{self.start // 60:02}:{self.start % 60:02}-{end // 60:02}:{end % 60:02}"

    def __repr__(self) -> str:
        return f"Block({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Block) and (self.start, self.end) == (other.start, other.end)

    def __hash__(self) -> int:
        return hash((self.start, self.end))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._validate, serialization=core_schema.to_string_ser_schema()
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": "string", "pattern": _PATTERN, "examples": ["09:00-17:30", "22:00-06:00"]}

    @classmethod
    def _validate(cls, value: object) -> Block:
        match value:
            case Block():
                return value
            case str():
                return cls(value)
            case _:
                raise ValueError('hours are written as "09:00-17:30", in quotes')


Blocks = tuple[Block, ...]

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_GROUPS: Mapping[str, tuple[str, ...]] = {
    "every_day": _DAYS,
    "weekdays": _DAYS[:5],
    "weekend": _DAYS[5:],
}


def _one_block_too(schema: dict[str, Any]) -> None:
    """Editors accept what :meth:`WeeklyHours._one_block_is_a_list` accepts."""
    for day in schema["properties"].values():
        day["anyOf"].append(day["anyOf"][0]["items"])


class WeeklyHours(BaseModel):
    """The blocks of each weekday; a day that is not named has none.

    ``every_day``, ``weekdays`` and ``weekend`` stand for several days; what names fewer days wins.
    One block may be written without a list.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra=_one_block_too)

    every_day: Blocks | None = None
    weekdays: Blocks | None = None
    weekend: Blocks | None = None
    monday: Blocks | None = None
    tuesday: Blocks | None = None
    wednesday: Blocks | None = None
    thursday: Blocks | None = None
    friday: Blocks | None = None
    saturday: Blocks | None = None
    sunday: Blocks | None = None

    @model_validator(mode="before")
    @classmethod
    def _one_block_is_a_list(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        return {day: [hours] if isinstance(hours, str) else hours for day, hours in data.items()}

    @model_validator(mode="after")
    def _no_overlap(self) -> WeeklyHours:
        for day in (*_GROUPS, *_DAYS):
            blocks = sorted(getattr(self, day) or (), key=lambda block: block.start)
            for earlier, later in pairwise(blocks):
                if later.start < earlier.end:
                    overlap = Fault((day,), f"{earlier} and {later} overlap")
                    raise validation_error("hours", [overlap])
        return self

    def week(self) -> tuple[tuple[Span, ...], ...]:
        """Seven days from Monday, each with its spans in order, none touching another.

        A block past midnight is cut there: what lies behind belongs to the next day.
        """
        spans: list[list[Span]] = [[] for _ in _DAYS]
        for index, day in enumerate(_DAYS):
            for block in self._blocks(day):
                spans[index].append((block.start, min(block.end, DAY)))
                if block.end > DAY:
                    spans[(index + 1) % 7].append((0, block.end - DAY))
        return tuple(_merged(day) for day in spans)

    def _blocks(self, day: str) -> Blocks:
        groups = [group for group in ("weekend", "weekdays") if day in _GROUPS[group]]
        for name in (day, *groups, "every_day"):
            blocks: Blocks | None = getattr(self, name)
            if blocks is not None:
                return blocks
        return ()


def _merged(spans: list[Span]) -> tuple[Span, ...]:
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)
