"""What operators changed by command, on top of the configuration. Pure.

Changes are facts in two times: when they hold, and when they were known. A decision takes those
that are believed now and hold now; the same function answers for any other pair of times, so that a
past decision can be explained by what was known then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from services.kernel.people import Leave, Overlay


class Kind(StrEnum):
    """What can be changed."""

    PAUSE = "pause"
    LEAVE = "leave"
    CAP = "cap"
    LEFT = "left"
    """Offboarded: gets nothing any more."""


CAP_NAMES = ("hour", "day", "week", "open")
"""What a cap change may set."""


@dataclass(frozen=True, slots=True)
class RepChange:
    """One change, as it is stored."""

    id: int
    rep_id: str
    kind: Kind
    value: Mapping[str, Any]
    valid_from: datetime
    valid_until: datetime | None
    """None: until another change."""
    recorded_at: datetime
    by: str
    note: str
    superseded_at: datetime | None = None
    superseded_by: str | None = None

    def believed(self, known_at: datetime) -> bool:
        """Whether it was known at an instant and not taken back yet."""
        gone = self.superseded_at is not None and self.superseded_at <= known_at
        return self.recorded_at <= known_at and not gone

    def holds(self, at: datetime) -> bool:
        return self.valid_from <= at and (self.valid_until is None or at < self.valid_until)

    @property
    def leave(self) -> Leave:
        """Of a leave change."""
        return Leave(
            first=date.fromisoformat(self.value["from"]),
            last=date.fromisoformat(self.value["until"]),
            reason=self.value.get("reason", "leave"),
            backup=self.value.get("backup"),
        )


def overlays(changes: Iterable[RepChange], at: datetime) -> dict[str, Overlay]:
    """Per rep what the changes come to at an instant.

    :param changes: those that are believed, in the order of their ids.
    """
    by_rep: dict[str, list[RepChange]] = {}
    for change in changes:
        by_rep.setdefault(change.rep_id, []).append(change)
    return {rep: overlay(own, at) for rep, own in by_rep.items()}


def overlay(changes: Iterable[RepChange], at: datetime) -> Overlay:
    """What the changes of one rep come to at an instant."""
    active: bool | None = None
    paused, until = False, None
    leave: list[Leave] = []
    caps: dict[str, int | None] = {}
    for change in changes:
        match change.kind:
            case Kind.LEAVE:  # coming leave counts too: new leads stop some days before it
                leave.append(change.leave)
            case _ if not change.holds(at):
                continue
            case Kind.PAUSE:
                until = _later(until, change.valid_until) if paused else change.valid_until
                paused = True
            case Kind.CAP:
                caps |= change.value
            case Kind.LEFT:
                active = False
    return Overlay(active=active, paused=paused, paused_until=until, leave=tuple(leave), caps=caps)


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    """None is for ever."""
    return None if one is None or other is None else max(one, other)
