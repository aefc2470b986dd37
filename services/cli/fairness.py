"""``handraise fairness``: what each member of a pool got, against what was due, and why."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, TypeVar

import asyncpg
import typer

from services.cli import output, target
from services.cli.output import CommandError
from services.kernel.tables import as_csv
from services.routing.review import fairness as review
from services.routing.review.ledger import COLUMNS, Line

T = TypeVar("T")
_AHEAD = timedelta(days=366)
"""Decisions of a clock that was made to run fast are told of, too."""
_SUMMARY = ("id", "group", "weight", "count", "entitlement", "deviation", "hot_share", "skipped",
            "by_hand")  # fmt: skip


def fairness(
    pool: Annotated[str, typer.Argument(help="As teams.yaml names it.")],
    rep: Annotated[str | None, typer.Option(help="Only this member; with --ledger.")] = None,
    ledger: Annotated[bool, typer.Option("--ledger", help="One line per decision.")] = False,
    days: Annotated[
        int, typer.Option(help="Of the period that is told of.", min=1, max=36_500)
    ] = 30,
    csv_: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Show turns against what was due. Entitlement: each member's share of the leads that came.

    Hot share, skipped and by hand are of the last --days; count and entitlement of all time.
    """
    now = datetime.now(UTC)
    period = now - timedelta(days=days), now + _AHEAD
    if ledger:
        found = _read(data, lambda connection: review.ledger(connection, pool, *period, rep))
        _print_ledger(found, csv_, json)
        return
    if rep is not None:
        raise CommandError("--rep goes with --ledger")
    report = _read(data, lambda connection: review.report(connection, pool, *period))
    if json:
        output.emit(report)
        return
    rows = [_row(member, report["accounts"].get(member["id"], {})) for member in report["members"]]
    if csv_:
        sys.stdout.write(as_csv(_SUMMARY, rows))
        return
    output.show(rows, _SUMMARY, "nobody had a turn yet")


def _read(data: Path | None, ask: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
    async def run() -> T:
        async with target.connection(target.find(data).postgres) as connection:
            return await ask(connection)

    try:
        return asyncio.run(run())
    except (review.UnknownPool, review.TooMuch) as fault:
        raise CommandError(str(fault)) from None


def _row(member: Mapping[str, Any], account: Mapping[str, Any]) -> dict[str, Any]:
    skipped = account.get("skipped", {})
    moved = [*account.get("moved_to", {}).items()]
    taken = [*account.get("moved_away", {}).items()]
    hot = account.get("hot_share")
    return {
        **member,
        "entitlement": f"{member['entitlement']:.2f}",
        "deviation": f"{member['deviation']:+.2f}",
        "hot_share": f"{hot:.0%}" if hot is not None else "",
        "skipped": ", ".join(f"{why} {count}" for why, count in skipped.items()),
        "by_hand": ", ".join(
            [f"+{count} {by}" for by, count in moved] + [f"-{count} {by}" for by, count in taken]
        ),
    }


def _print_ledger(found: Sequence[Line], csv_: bool, as_json: bool) -> None:
    rows = [line.as_dict() for line in found]
    if as_json:
        output.emit({"lines": rows})
    elif csv_:
        sys.stdout.write(as_csv(COLUMNS, rows))
    else:
        output.show(rows, COLUMNS, "no decision in this period")
