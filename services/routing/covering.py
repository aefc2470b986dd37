"""Who is there: pools without anybody, people who are gone, hours that nobody covers. Pure.

Found in files that are well-formed; ``config check`` says it before a lead meets it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice

from services.kernel.calendars import Calendars, open_intervals
from services.kernel.faults import Fault
from services.kernel.people import Pool, Rep, Teams, start_of_day
from services.routing.config import ROUTING, TEAMS, RoutingFile

AHEAD = timedelta(days=28)
"""So far ahead cover is looked for; leave and holidays count."""
SHOWN = 3
"""Uncovered stretches that are named one by one."""
Stretch = tuple[datetime, datetime]
Found = tuple[str, Fault]
"""A file, and what is wrong in it."""


def findings(
    routing: RoutingFile, teams: Teams, calendars: Calendars, now: datetime
) -> Iterator[Found]:
    """What nobody who reads the files alone would see."""
    for at, pool in enumerate(teams.pools):
        yield from ((TEAMS, fault) for fault in _people(teams, pool, at))
        yield from ((TEAMS, fault) for fault in _cover(teams, calendars, pool, at, now))
    yield from ((ROUTING, fault) for fault in _managers(routing, teams))
    for at, rep in enumerate(teams.reps):
        stands_in = teams.rep.get(rep.backup) if rep.backup is not None else None
        if stands_in is not None and not stands_in.active:
            why = f"{rep.backup} is not active: nobody stands in for {rep.id}"
            yield TEAMS, Fault(("reps", at, "backup"), why)


def _people(teams: Teams, pool: Pool, at: int) -> Iterator[Fault]:
    for place, member in enumerate(pool.members):
        rep = teams.rep.get(member.rep)
        if rep is not None and not rep.active:
            path = ("pools", at, "members", place)
            yield Fault(path, f"{rep.id} is not active and gets nothing from {pool.id}")


def _managers(routing: RoutingFile, teams: Teams) -> Iterator[Fault]:
    for pool, manager in routing.managers.items():
        rep = teams.rep.get(manager)
        if rep is not None and not rep.active:
            why = f"{manager} is not active: what {pool} cannot place has no last resort"
            yield Fault(("managers", pool), why)


def _cover(
    teams: Teams, calendars: Calendars, pool: Pool, at: int, now: datetime
) -> Iterator[Fault]:
    cover = pool.cover
    if cover is None or cover.calendar not in calendars:
        return
    end = now + AHEAD
    wanted = list(open_intervals(calendars[cover.calendar], cover.zone, now, end))
    reps = [rep for one in pool.members if (rep := teams.rep.get(one.rep)) is not None]
    there = [stretch for rep in reps for stretch in _works(rep, calendars, now, end)]
    gaps = list(without(wanted, there))
    if not gaps:
        return
    named = ", ".join(f"{a:%a %Y-%m-%d %H:%M} to {b:%H:%M} UTC" for a, b in islice(gaps, SHOWN))
    more = f" and {len(gaps) - SHOWN} more" if len(gaps) > SHOWN else ""
    hours = sum((b - a for a, b in gaps), timedelta()) / timedelta(hours=1)
    why = f"nobody of {pool.id} works {named}{more}: {hours:.1f} h of {cover.calendar} in 28 days"
    yield Fault(("pools", at, "cover"), why)


def _works(rep: Rep, calendars: Calendars, now: datetime, end: datetime) -> Iterator[Stretch]:
    """When a rep works, leave taken out."""
    if not rep.active or rep.calendar not in calendars:
        return
    start = now if rep.joined is None else max(now, start_of_day(rep.zone, rep.joined))
    if start >= end:
        return
    day = timedelta(days=1)
    away = [
        (start_of_day(rep.zone, one.first), start_of_day(rep.zone, one.last + day))
        for one in rep.leave
    ]
    yield from without(open_intervals(calendars[rep.calendar], rep.zone, start, end), away)


def without(wanted: Iterator[Stretch] | list[Stretch], taken: list[Stretch]) -> Iterator[Stretch]:
    """What of the wanted stretches none of the others covers; both may overlap, in any order."""
    ordered = sorted(taken)
    for start, end in wanted:
        at = start
        for begin, stop in ordered:
            if stop <= at:
                continue
            if begin >= end:
                break
            if begin > at:
                yield at, begin
            at = max(at, stop)
        if at < end:
            yield at, end
