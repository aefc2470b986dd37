"""Simulations and corrections from what is stored: read, run, compare. Changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import asyncpg

from services.routing.config import parse
from services.routing.review import books, compare, whatif
from services.routing.review.correcting import Move, corrections
from services.routing.review.simulation import simulate

Period = tuple[datetime, datetime]
Report = dict[str, Any]
"""As :func:`compare.report` makes it, with ``since``, ``until`` and ``notes``."""
Files = Mapping[str, str]


async def replayed(
    connection: asyncpg.Connection, files: Files, name: str, period: Period, moves: int
) -> Report:
    """A configuration over what was recorded, against the record."""
    plan = parse(files)
    traffic = await books.recorded_traffic(connection, *period)
    run = simulate(plan, name, traffic)
    made = compare.report(compare.with_record(run), ("recorded", name), traffic.until, moves)
    return _told(made, period, books.notes(run, traffic))


async def replayed_both(
    connection: asyncpg.Connection,
    both: tuple[Files, Files],
    names: tuple[str, str],
    period: Period,
    moves: int,
) -> Report:
    """Two configurations over the same recorded traffic."""
    plans = [parse(files) for files in both]
    traffic = await books.recorded_traffic(connection, *period)
    old, new = (simulate(plan, name, traffic) for plan, name in zip(plans, names, strict=True))
    made = compare.report(compare.with_each_other(old, new), names, traffic.until, moves)
    return _told(made, period, books.notes(new, traffic))


async def supposed(
    connection: asyncpg.Connection,
    files: Files,
    name: str,
    texts: Sequence[str],
    now: datetime,
    moves: int,
) -> Report:
    """The time to come, as it is and as ``texts`` suppose it.

    :raises Unclear: one of the texts stands for nothing.
    """
    plan = parse(files)
    reps = plan.teams.rep
    found = [whatif.understood(text, now.date(), reps, nth) for nth, text in enumerate(texts)]
    since, until, back = whatif.window(found, now)
    traffic = await books.expected_traffic(connection, since, until, back)
    before = simulate(plan, name, traffic)
    traffic.changes = [*traffic.changes, *(one.change for one in found)]
    after = simulate(plan, name, traffic)
    pairs = compare.with_each_other(before, after)
    made = compare.report(pairs, ("as it is", "; ".join(texts)), until, moves)
    played = f"{since - back:%Y-%m-%d} to {until - back:%Y-%m-%d}"
    notes = [f"Played with what came in from {played}.", *books.notes(after, traffic)]
    return _told(made, (since, until), notes)


async def mended(
    connection: asyncpg.Connection, files: Files, name: str, period: Period, *, untouched: bool
) -> list[Move]:
    """What this configuration would have given to another pool, and to whom."""
    plan = parse(files)
    traffic = await books.recorded_traffic(connection, *period)
    current = await books.current(connection, period[0])
    return list(corrections(simulate(plan, name, traffic), current, untouched=untouched))


def _told(made: Report, period: Period, notes: Sequence[str]) -> Report:
    return {**made, "since": period[0], "until": period[1], "notes": list(notes)}
