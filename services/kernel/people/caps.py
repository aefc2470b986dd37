"""How many leads somebody takes, and how a joiner grows into the full share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field

from schemas.base import Motion
from services.kernel.durations import Duration
from services.kernel.people.parts import Count, Strict
from services.kernel.people.windows import Window, start_of_day

FULL = 100
"""Percent of a full share."""


class WindowCaps(Strict):
    """Leads per window; None for no limit."""

    hour: Count | None = None
    day: Count | None = None
    week: Count | None = None
    """From Monday."""
    rolling: bool = False
    """True: the last 60 minutes, 24 hours, 7 days. False: windows begin by the person's clock."""

    def limits(self, percent: int = FULL) -> dict[Window, int]:
        """The limits that are set, for a joiner's part of them rounded up."""
        named = {Window.HOUR: self.hour, Window.DAY: self.day, Window.WEEK: self.week}
        return {
            window: -(-limit * percent // FULL)
            for window, limit in named.items()
            if limit is not None
        }


class Caps(WindowCaps):
    """All that bounds what one person gets."""

    open: Count | None = None
    """At one time: leads that are assigned and not yet worked."""
    inbound: WindowCaps = WindowCaps()
    outbound: WindowCaps = WindowCaps()
    """Of leads of one motion only, beside the limits on all of them."""
    kept_for_outbound: Annotated[int, Field(ge=0, le=100)] = 0
    """Percent of ``day`` that inbound leads may not take."""

    def of_motion(self, motion: Motion, percent: int = FULL) -> dict[Window, int]:
        """The limits on leads of one motion."""
        if motion is Motion.OUTBOUND:
            return self.outbound.limits(percent)
        limits = self.inbound.limits(percent)
        if self.kept_for_outbound and (day := self.limits(percent).get(Window.DAY)):
            left = day * (FULL - self.kept_for_outbound) // FULL
            limits[Window.DAY] = min(left, limits.get(Window.DAY, left))
        return limits

    def rolling_of(self, motion: Motion) -> bool:
        """Whether the windows of a motion roll: as its own caps say, else as all do."""
        own = self.outbound if motion is Motion.OUTBOUND else self.inbound
        return own.rolling if own.limits() else self.rolling

    @property
    def bounded(self) -> bool:
        """Whether anything must be counted."""
        every = (self, self.inbound, self.outbound)
        return self.open is not None or any(one.limits() for one in every)

    def flat(self) -> dict[str, int]:
        """By name, as people.v1 tells them: ``day``, ``open``, ``inbound.day`` …"""
        found = {window.value: limit for window, limit in self.limits().items()}
        if self.open is not None:
            found["open"] = self.open
        for name, caps in (("inbound", self.inbound), ("outbound", self.outbound)):
            found |= {f"{name}.{window}": limit for window, limit in caps.limits().items()}
        return found

    def changed(self, changes: Mapping[str, int | None]) -> Caps:
        """With some of ``hour``, ``day``, ``week`` and ``open`` replaced."""
        return self.model_copy(update=dict(changes)) if changes else self


class RampStep(Strict):
    """A part of the full share, for a while."""

    percent: Annotated[int, Field(ge=1, le=FULL)]
    length: Annotated[Duration, Field(alias="for")] = timedelta(days=14)


def ramp_percent(
    joined: date | None, zone: ZoneInfo, steps: Sequence[RampStep], at: datetime
) -> int:
    """What part of the full share is due at an instant, in percent."""
    if joined is None or not steps:
        return FULL
    end = start_of_day(zone, joined)
    for step in steps:
        end += step.length
        if at < end:
            return step.percent
    return FULL
