"""``calendars.yaml``: named calendars of working hours, holidays and days off."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from pydantic import BaseModel, ConfigDict, PrivateAttr, model_validator

from services.kernel.calendars.holidays import (
    holiday_names,
    plain_name,
    public_holidays,
    unknown_place,
)
from services.kernel.calendars.hours import DAY, Span, WeeklyHours
from services.kernel.faults import Fault, did_you_mean, validation_error
from services.kernel.timezones import TimeZoneName

_REMEMBERED = 2_048
"""Days whose spans a calendar keeps; the answer for a day never changes."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class HolidaysOf(_Model):
    """The public holidays of a country or of a part of it."""

    country: str
    """ISO 3166-1 alpha-2."""
    subdivision: str | None = None
    """As ISO 3166-2 writes it behind the dash, e.g. ``BY`` for Bavaria."""
    worked: tuple[str, ...] = ()
    """Names of public holidays on which this team works all the same, e.g. ``Columbus Day``."""

    @model_validator(mode="after")
    def _known(self) -> HolidaysOf:
        wrong = unknown_place(self.country, self.subdivision)
        if wrong is not None:
            where = "country" if self.subdivision is None else "subdivision"
            raise validation_error("holidays", [Fault((where,), wrong)])
        known = holiday_names(self.country, self.subdivision)
        faults = [
            Fault(("worked", at), f"{name} is no holiday there{did_you_mean(name, tuple(known))}")
            for at, name in enumerate(self.worked)
            if plain_name(name) not in known
        ]
        if faults:
            raise validation_error("holidays", faults)
        return self

    def on(self, day: date) -> str | None:
        """The name of the holiday on a day, None where there is none or it is worked."""
        name = public_holidays(self.country, self.subdivision, day.year).get(day)
        if name is None or not self.worked:
            return name
        worked = {plain_name(one) for one in self.worked}
        kept = [part for part in name.split("; ") if plain_name(part) not in worked]
        return "; ".join(kept) or None


class DayOff(_Model):
    """A day on which the company rests."""

    date: date
    name: str = "day off"


def _short_forms_too(schema: dict[str, Any]) -> None:
    """Editors accept what :meth:`Calendar._short_forms` accepts."""
    holidays, days_off = schema["properties"]["holidays"], schema["properties"]["days_off"]
    schema["properties"]["holidays"] = {"anyOf": [holidays, holidays["items"]]}
    day = {"type": "string", "format": "date"}
    days_off["items"] = {"anyOf": [days_off["items"], day]}


class Calendar(_Model):
    """When a group of people works, by the clock on their wall."""

    model_config = ConfigDict(json_schema_extra=_short_forms_too)

    hours: WeeklyHours
    holidays: tuple[HolidaysOf, ...] = ()
    days_off: tuple[DayOff, ...] = ()
    working_days: tuple[date, ...] = ()
    """Days that are worked although they are holidays or days off."""
    time_zone: TimeZoneName | None = None
    """For whoever has no time zone of their own."""

    _week: tuple[tuple[Span, ...], ...] = PrivateAttr(default=())
    _days_off: Mapping[date, str] = PrivateAttr(default_factory=dict)
    _working: frozenset[date] = PrivateAttr(default=frozenset())
    _known: dict[date, tuple[Span, ...]] = PrivateAttr(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        full = dict(data)
        if isinstance(full.get("holidays"), Mapping):
            full["holidays"] = [full["holidays"]]
        if isinstance(full.get("days_off"), list):
            full["days_off"] = [
                day if isinstance(day, Mapping | DayOff) else {"date": day}
                for day in full["days_off"]
            ]
        return full

    def model_post_init(self, context: Any, /) -> None:
        self._week = self.hours.week()
        self._days_off = {day.date: day.name for day in self.days_off}
        self._working = frozenset(self.working_days)

    def rest_day(self, day: date) -> str | None:
        """Why nobody works on a day whatever the hours say; None for a usual day."""
        if day in self._working:
            return None
        own = self._days_off.get(day)
        if own is not None:
            return own
        return next((name for place in self.holidays if (name := place.on(day))), None)

    def spans(self, day: date) -> tuple[Span, ...]:
        """The stretches of work on one day, in minutes of its wall clock, in order and apart."""
        known = self._known
        found = known.get(day)
        if found is None:
            usual = self.usual_spans(day)
            found = () if usual and self.rest_day(day) is not None else usual
            if len(known) >= _REMEMBERED:
                known.clear()
            known[day] = found
        return found

    @property
    def never_closes(self) -> bool:
        """True for a calendar that is open at every instant."""
        rests = self.holidays or self.days_off
        return not rests and all(day == ((0, DAY),) for day in self._week)

    def usual_spans(self, day: date) -> tuple[Span, ...]:
        """The same as if the day were no holiday."""
        return self._week[day.weekday()]


class Calendars(_Model):
    """The file."""

    calendars: dict[str, Calendar]

    def __getitem__(self, name: str) -> Calendar:
        return self.calendars[name]

    def __contains__(self, name: object) -> bool:
        return name in self.calendars

    def __iter__(self) -> Iterator[str]:  # type: ignore[override]  # a mapping, as its file is
        return iter(self.calendars)
