"""``handraise territories``: the tables that say which pool gets which part of the world."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli import configfiles, output, target
from services.cli import realign as realigning
from services.cli.configfiles import FolderOption
from services.cli.output import CommandError
from services.cli.simulate import SinceOption, UntilOption, period
from services.kernel.tables import as_csv
from services.routing.review import territories as review
from services.routing.review.territories import Period
from services.routing.review.territory_report import words
from services.runtime.configstore import ConfigStore

app = typer.Typer(
    help="Territory tables: gaps, overlaps, dealing them out anew.", no_args_is_help=True
)
app.command()(realigning.realign)
app.command()(realigning.realignments)
app.command()(realigning.undo)

_CSV = ("table", "finding", "what", "wins", "loses", "leads")


@app.command()
def report(
    table: Annotated[str | None, typer.Argument(help="Default: every table.")] = None,
    config: FolderOption = None,
    version: Annotated[
        str | None, typer.Option("--version", help="A published version (default: the active one).")
    ] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    leads: Annotated[
        bool, typer.Option("--leads/--no-leads", help="Count recorded leads in gaps and overlaps.")
    ] = True,
    most: Annotated[int, typer.Option("--most", min=0, help="Told one by one, of a kind.")] = 100,
    csv_: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    postgres: output.PostgresOption = None,
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Say what no territory covers, and where two territories take the same leads.

    Of a folder without recorded leads: --config DIR --no-leads, which needs nothing that runs.
    """
    with output.working("looking the tables over"):
        found = asyncio.run(
            _reports(table, config, version, period(since, until) if leads else None, most,
                     postgres, data)
        )  # fmt: skip
    if json:
        output.emit(found)
    elif csv_:
        sys.stdout.write(as_csv(_CSV, _lines(found["tables"])))
    else:
        for one in found["tables"]:
            _tell(one)
        if not found["tables"]:
            output.say("there is no territory table")


async def _reports(
    table: str | None,
    config: Path | None,
    version: str | None,
    asked: tuple[datetime, datetime] | None,
    most: int,
    postgres: str | None,
    data: Path | None,
) -> dict[str, Any]:
    files = configfiles.load(configfiles.folder(config)) if config is not None else None
    try:
        if files is not None and asked is None:
            return await review.reports(files, table=table, most=most)
        async with target.connection(postgres or target.find(data).postgres) as connection:
            if files is None:
                store = ConfigStore()
                files = (
                    await store.files(connection, version)
                    if version is not None
                    else (await store.active(connection))[1]
                )
            return await review.reports(
                files, table=table, most=most, connection=connection,
                period=Period(*asked) if asked is not None else None,
            )  # fmt: skip
    except review.UnknownTable as fault:
        raise CommandError(str(fault), 2) from None


def _tell(one: Mapping[str, Any]) -> None:
    counted = "leads" in one
    fell = (
        f"; {one['leads']} leads came to it, {one['leads_nowhere']} found no row" if counted else ""
    )
    output.say(f"table {one['table']} ({one['file']}), {one['rows']} rows{fell}")
    rows = list(_lines([one]))
    shown = [name for name in _CSV[1:] if name != "leads" or counted]
    output.show(rows, shown, "no gap, no overlap")
    more = one["gaps_found"] - len(one["gaps"])
    more += sum(one["overlaps_found"].values()) - len(one["overlaps"])
    if more:
        output.say(f"and {more} more; --most tells more of them")
    if counted:
        columns = ("country", "region", "postal", "employees", "went_to", "leads")
        output.show(one["nowhere"], columns, "every lead found a row")
        output.show(one["territories"], ("territory", "pool", "leads"), "")


def _lines(tables: Iterable[Mapping[str, Any]]) -> Iterable[dict[str, Any]]:
    for one in tables:
        for gap in one["gaps"]:
            near = ", ".join(_at(place) for place in gap["near"])
            what = words(gap) + (f" (near {near})" if near else "")
            yield {"table": one["table"], "finding": "gap", "what": what, "wins": "", "loses": "",
                   "leads": gap.get("leads", "")}  # fmt: skip
        for pair in one["overlaps"]:
            yield {"table": one["table"], "finding": pair["kind"], "what": _where(pair["where"]),
                   "wins": _row(pair["wins"]), "loses": _row(pair["loses"]),
                   "leads": pair.get("leads", "")}  # fmt: skip


def _where(shared: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name} {_range(value)}" if isinstance(value, list) else str(value)
        for name, value in shared.items()
    )


def _range(ends: list[Any]) -> str:
    low, high = ends
    return f"{low} to {high}" if high is not None else f"{low} or more"


def _row(row: Mapping[str, Any]) -> str:
    return f"{row['territory']} -> {row['pool']} ({_at(row)})"


def _at(place: Mapping[str, Any]) -> str:
    return f"{place['file']}:{place['line']}"
