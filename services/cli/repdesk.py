"""What ``handraise reps`` works with, and how it prints people."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import asyncpg

from services.cli import output, target, whoami
from services.cli.output import CommandError
from services.routing.config import parse
from services.routing.staff import Author, RepFault, Staff
from services.runtime import logs
from services.runtime.configstore import LiveConfig
from services.runtime.database import prepare
from services.runtime.metrics import Metrics
from services.runtime.outbox import Outbox

T = TypeVar("T")
Rows = dict[str, Any]


def run(data: Path | None, ask: Callable[[Staff], Awaitable[T]]) -> T:
    """:raises CommandError: what was asked makes no sense."""

    # Data goes to stdout; that a configuration was read is no news here.
    logs.configure("console", "warning")

    async def work() -> T:
        async with opened(target.find(data).postgres) as desk:
            return await ask(desk)

    try:
        return asyncio.run(work())
    except RepFault as fault:
        raise CommandError(str(fault)) from None


@asynccontextmanager
async def opened(dsn: str) -> AsyncIterator[Staff]:
    """What a database says of people; no process is needed, changes hold at once."""
    pool = await asyncpg.create_pool(dsn, min_size=1, max_size=3, init=prepare)
    config, metrics = LiveConfig(pool, parse), Metrics()
    outbox = Outbox("routing", pool, _left_to_sweep, metrics)
    try:
        await config.start()
        yield Staff.of(pool, outbox, config, lambda: datetime.now(UTC), metrics)
    finally:
        await config.stop()
        await pool.close()


async def _left_to_sweep(_: object) -> None:
    """Stored is enough: a running routing publishes it within about a second."""


def author(reason: str) -> Author:
    """Who is at the keyboard."""
    return Author(whoami.operator(), reason)


def shown(one: Rows, json: bool) -> None:
    """One person, each value with its origin, and the history."""
    if json:
        output.emit(one)
        return
    now = "takes leads" if one["available"] else away(one)
    output.stdout.print(f"{one['name']} ({one['id']}, {one['role']}): {now}", markup=False)
    rows = [_valued("active", one["active"]), _valued("paused", one["paused"])]
    rows += [_valued(f"cap {name}", cap) for name, cap in one["caps"].items()]
    rows += [
        {
            "what": "leave",
            "value": f"{away['from']} to {away['until']} ({away['reason']})",
            **_told(away["origin"]),
        }
        for away in one["leave"]
    ]
    output.show(rows, ["what", "value", "origin", "by", "at", "note", "change"], "")
    if (feed := one.get("leave_calendar")) is not None:
        output.stdout.print(f"\ncalendar: {_read(feed)}", markup=False)
    if one["history"]:
        output.stdout.print("\nhistory, the newest first", markup=False)
        columns = ["change", "kind", "value", "valid_from", "valid_until", "recorded_at", "by",
                   "note", "superseded_at", "superseded_by"]  # fmt: skip
        output.show(one["history"], columns, "")


def _read(feed: Rows) -> str:
    """How the reading of a named calendar goes."""
    read, since = feed["read_at"], feed["failing_since"]
    last = f"last read {read:%Y-%m-%d %H:%M} UTC" if read is not None else "not read yet"
    fails = f"; fails since {since:%Y-%m-%d %H:%M} UTC: {feed['error']}" if since else ""
    return f"{last}{fails}"


def _valued(what: str, found: Rows) -> Rows:
    value = "no limit" if found["value"] is None else found["value"]
    if found.get("until") is not None:
        value = f"yes, until {found['until']:%Y-%m-%d %H:%M} UTC"
    return {"what": what, "value": value, **_told(found["origin"])}


def _told(origin: Rows) -> Rows:
    at = origin["at"]
    return {
        "origin": origin["from"],
        "by": origin["by"],
        "at": f"{at:%Y-%m-%d %H:%M} UTC" if at is not None else None,
        "note": origin.get("note"),
        "change": origin.get("change") or origin.get("version"),
    }


def away(one: Rows) -> str:
    """Why somebody takes no lead now."""
    until = one["away_until"]
    back = f" until {until:%Y-%m-%d %H:%M} UTC" if until is not None else ""
    return f"{one['away'].replace('_', ' ')}{back}"


def caps(one: Rows) -> list[str]:
    """The limits in force."""
    return [f"{name} {cap['value'] or 'no limit'}" for name, cap in one["caps"].items()]


def changers(one: Rows) -> list[str]:
    """Who changed something by command."""
    origins = [one["active"], one["paused"], *one["caps"].values(), *one["leave"]]
    told = [each["origin"] for each in origins if each["origin"]["from"] == "command"]
    return sorted({str(origin["by"]) for origin in told})
