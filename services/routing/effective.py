"""What holds for a person at an instant, and where each value comes from. Pure.

The one source for decisions (:mod:`overlay` on the configuration), told to people: to whoever asks
by command, and to other services as ``people.v1``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from schemas.people import LeaveInterval, PersonChanged
from services.kernel.people import (
    Leave,
    Overlay,
    Rep,
    leave_stops,
    ramp_percent,
    start_of_day,
)
from services.routing.eligibility import away
from services.routing.overlay import CAP_NAMES, Kind, RepChange, overlay
from services.routing.plan import Plan


@dataclass(frozen=True, slots=True)
class Published:
    """The configuration that a value comes from where no command changed it."""

    version: str
    by: str | None = None
    at: datetime | None = None

    @property
    def origin(self) -> dict[str, Any]:
        return {"from": "config", "by": self.by, "at": self.at, "version": self.version}


def describe(
    plan: Plan, published: Published, rep: Rep, changes: Iterable[RepChange], at: datetime
) -> dict[str, Any]:
    """Everything that decides about a person at an instant, each value with its origin.

    :param changes: those of this person that are believed, in the order of their ids.
    """
    own = tuple(changes)
    now = overlay(own, at)
    barred = away(rep, plan.calendars, at, now)
    return {
        "id": rep.id,
        "name": rep.name,
        "email": rep.email,
        "role": rep.role.value,
        "time_zone": rep.time_zone,
        "calendar": rep.calendar,
        "languages": list(rep.languages),
        "skills": list(rep.skills),
        "backup": rep.backup,
        "manager": rep.manager,
        "joined": rep.joined,
        "ramp_percent": ramp_percent(rep.joined, rep.zone, plan.teams.ramp, at),
        "pools": {pool: plan.weights[pool][rep.id] for pool in plan.pools_of(rep.id)},
        "available": barred is None,
        "away": barred.why.value if barred is not None else None,
        "away_until": barred.until if barred is not None else None,
        "active": _active(published, rep, own, at),
        "paused": _paused(published, own, at),
        "caps": _caps(published, rep, own, now, at),
        "leave": _leave(plan, published, rep, own, at),
    }


def person(
    plan: Plan, version: str, rep: Rep, changes: Iterable[RepChange], at: datetime
) -> PersonChanged:
    """The same for other services."""
    own = tuple(changes)
    now = overlay(own, at)
    coming = sorted(
        (one for one in (*rep.leave, *now.leave) if _end(rep, one) > at),
        key=lambda one: (one.first, one.last),
    )
    last = own[-1] if own else None
    return PersonChanged(
        rep_id=rep.id,
        name=rep.name,
        email=rep.email,
        role=rep.role,
        pools=plan.pools_of(rep.id),
        time_zone=rep.time_zone,
        calendar=rep.calendar,
        active=rep.active if now.active is None else now.active,
        paused=now.paused,
        paused_until=now.paused_until,
        leave=tuple(_interval(plan, rep, one) for one in coming),
        caps=rep.caps.changed(now.caps).flat(),
        external_ids=rep.external_ids,
        backup=rep.backup,
        manager=_manager(plan, rep),
        languages=rep.languages,
        skills=rep.skills,
        joined=rep.joined,
        changed_by=last.by if last is not None else None,
        config_version=version,
        changed_at=at,
    )


def _manager(plan: Plan, rep: Rep) -> str | None:
    """Whom the person reports to, else whoever manages one of their pools."""
    of_pools = (plan.managers.get(pool) for pool in plan.pools_of(rep.id))
    return rep.manager or next((one for one in of_pools if one not in (None, rep.id)), None)


def next_change(changes: Iterable[RepChange], at: datetime) -> datetime | None:
    """When what holds changes by time alone."""
    moments = (moment for one in changes for moment in (one.valid_from, one.valid_until))
    return min((moment for moment in moments if moment is not None and moment > at), default=None)


def _active(
    published: Published, rep: Rep, own: tuple[RepChange, ...], at: datetime
) -> dict[str, Any]:
    left = _last(own, Kind.LEFT, at)
    if left is not None:
        return {"value": False, "origin": _origin(left)}
    return {"value": rep.active, "origin": published.origin}


def _paused(published: Published, own: tuple[RepChange, ...], at: datetime) -> dict[str, Any]:
    pause = _last(own, Kind.PAUSE, at)
    if pause is not None:
        return {"value": True, "until": pause.valid_until, "origin": _origin(pause)}
    coming = [one for one in own if one.kind is Kind.PAUSE and one.valid_from > at]
    value: dict[str, Any] = {"value": False, "until": None, "origin": published.origin}
    if coming:
        value["from"] = min(one.valid_from for one in coming)
    return value


def _caps(
    published: Published, rep: Rep, own: tuple[RepChange, ...], now: Overlay, at: datetime
) -> dict[str, Any]:
    flat: Mapping[str, int | None] = rep.caps.changed(now.caps).flat()
    found: dict[str, Any] = {}
    for name in dict.fromkeys([*flat, *(name for name in CAP_NAMES if name in now.caps)]):
        by = [one for one in own if one.kind is Kind.CAP and one.holds(at) and name in one.value]
        origin = _origin(by[-1]) if by else published.origin
        found[name] = {"value": flat.get(name), "origin": origin}
    return found


def _leave(
    plan: Plan, published: Published, rep: Rep, own: tuple[RepChange, ...], at: datetime
) -> list[dict[str, Any]]:
    every: list[tuple[Leave, int | None, dict[str, Any]]] = [
        (one, None, published.origin) for one in rep.leave
    ]
    every += [(one.leave, one.id, _origin(one)) for one in own if one.kind is Kind.LEAVE]
    return [
        {
            "change": change,
            "from": one.first,
            "until": one.last,
            "reason": one.reason,
            "backup": one.backup or rep.backup,
            "no_new_leads_from": leave_stops(rep, plan.calendars[rep.calendar], one),
            "origin": origin,
        }
        for one, change, origin in sorted(every, key=lambda each: each[0].first)
        if _end(rep, one) > at
    ]


def _interval(plan: Plan, rep: Rep, leave: Leave) -> LeaveInterval:
    starts, stops = (
        start_of_day(rep.zone, leave.first),
        leave_stops(rep, plan.calendars[rep.calendar], leave),
    )
    return LeaveInterval(
        starts_at=starts,
        ends_at=_end(rep, leave),
        reason=leave.reason,
        stops_at=stops if stops < starts else None,
        backup=leave.backup,
    )


def _end(rep: Rep, leave: Leave) -> datetime:
    return start_of_day(rep.zone, leave.last + timedelta(days=1))


def _last(own: tuple[RepChange, ...], kind: Kind, at: datetime) -> RepChange | None:
    held = [one for one in own if one.kind is kind and one.holds(at)]
    return held[-1] if held else None


def _origin(change: RepChange) -> dict[str, Any]:
    return {
        "from": "ical" if "ical" in change.value else "command",
        "by": change.by,
        "at": change.recorded_at,
        "note": change.note,
        "change": change.id,
    }
