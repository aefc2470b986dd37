"""Who may get a lead at this moment. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from schemas.base import Motion
from services.kernel.calendars import Calendars
from services.kernel.conditions import Facts
from services.kernel.people import (
    LENGTH,
    Absence,
    Available,
    Caps,
    Overlay,
    Pool,
    Rep,
    Unavailable,
    Window,
    WindowCaps,
    availability,
    window_end,
)
from services.routing.model import Load


class Cap(StrEnum):
    """The cap that is reached."""

    HOUR = "cap_hour"
    DAY = "cap_day"
    WEEK = "cap_week"
    POOL = "cap_pool"
    """Of this pool's leads."""
    MOTION = "cap_motion"
    """Of inbound or of outbound leads."""
    OPEN = "cap_open"
    BURST = "burst"
    """Has just been given as many held leads as one person can look at."""


class Past(StrEnum):
    """The lead was this person's already."""

    OWNER = "past_owner"


class Fit(StrEnum):
    """The lead is not one that this person takes."""

    LANGUAGE = "language"
    SKILL = "skill"
    TERRITORY = "territory"


Why = Absence | Cap | Past | Fit
"""Why a member cannot get a lead."""

OFF_OR_FULL: frozenset[Why] = frozenset(
    {Absence.OFF_HOURS, Absence.HOLIDAY, Absence.LEAVE_SOON} | (frozenset(Cap) - {Cap.BURST})
)
"""What routing anyway looks past."""


@dataclass(frozen=True, slots=True)
class Barred:
    """A member is not eligible: why, and when that may change."""

    why: Why
    until: datetime | None = None
    """None: not by time alone."""


@dataclass(frozen=True, slots=True)
class Demand:
    """Languages and skills that a lead asks for."""

    languages: frozenset[str] = field(default_factory=frozenset)
    skills: frozenset[str] = field(default_factory=frozenset)


ANYBODY = Demand()
_LANGUAGE, _SKILL, _TERRITORY = Barred(Fit.LANGUAGE), Barred(Fit.SKILL), Barred(Fit.TERRITORY)
_GONE = Barred(Absence.INACTIVE)
_PAST = Barred(Past.OWNER)
_UNCHANGED = Overlay()


def away(
    rep: Rep | None, calendars: Calendars, now: datetime, overlay: Overlay | None
) -> Barred | None:
    """Why a person gets nothing at ``now``, whatever the lead; None while they work."""
    if rep is None:
        return _GONE
    match availability(rep, calendars[rep.calendar], now, overlay or _UNCHANGED):
        case Available():
            return None
        case Unavailable(reason=reason, until=until):
            return Barred(reason, until)


@dataclass(frozen=True, slots=True)
class Limit:
    """At most so many leads per window, of all or of one pool or motion."""

    why: Cap
    window: Window
    most: int
    rolling: bool
    pool: str | None = None
    motion: Motion | None = None


def limits_of(
    caps: Caps, pool: str, of_pool: WindowCaps, motion: Motion, percent: int
) -> tuple[Limit, ...]:
    """Every limit that a rep has for one lead, the windows that open last first.

    :param of_pool: limits on the pool's leads.
    :param percent: what part of each a joiner has.
    """
    found = [
        *(Limit(Cap(f"cap_{w}"), w, n, caps.rolling) for w, n in caps.limits(percent).items()),
        *(
            Limit(Cap.POOL, window, most, of_pool.rolling, pool=pool)
            for window, most in of_pool.limits(percent).items()
        ),
        *(
            Limit(Cap.MOTION, window, most, caps.rolling_of(motion), motion=motion)
            for window, most in caps.of_motion(motion, percent).items()
        ),
    ]
    return tuple(sorted(found, key=lambda limit: LENGTH[limit.window], reverse=True))


def over_cap(
    rep: Rep, caps: Caps, limits: Iterable[Limit], load: Load, now: datetime
) -> Barred | None:
    """Which of the person's caps is reached, the one that opens last first."""
    if caps.open is not None and load.open >= caps.open:
        return Barred(Cap.OPEN)
    for limit in limits:
        given = load.count(
            limit.window, rolling=limit.rolling, pool=limit.pool, motion=limit.motion
        )
        if given >= limit.most:
            # What rolls opens when the oldest lead is a window old: looked for each second.
            opens = None if limit.rolling else window_end(limit.window, rep.zone, now)
            return Barred(limit.why, opens)
    return None


def demand(pool: Pool, facts: Facts, *, preferred: bool) -> Demand:
    """What a lead asks of whoever gets it.

    :param preferred: whether what is only preferred is asked for too.
    """
    asked = [
        need for need in pool.needs if (preferred or not need.prefer) and need.when(facts) is True
    ]
    return Demand(
        languages=frozenset(one for need in asked for one in need.languages),
        skills=frozenset(one for need in asked for one in need.skills),
    )


def unfit(rep: Rep, wanted: Demand, facts: Facts) -> Barred | None:
    """Why a lead is not one for this person, at any time."""
    if not wanted.languages.issubset(rep.languages):
        return _LANGUAGE
    if not wanted.skills.issubset(rep.skills):
        return _SKILL
    if rep.takes is not None and rep.takes(facts) is not True:
        return _TERRITORY
    return None


def past_owner(rep: str, excluded: Collection[str]) -> Barred | None:
    """A person who had the lead does not get it again."""
    return _PAST if rep in excluded else None
