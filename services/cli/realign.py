"""``handraise territories realign``: accounts and leads follow territories that have changed."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic_core import from_json, to_json

from services.cli import configfiles, output, routing_api, target
from services.cli.configfiles import FolderOption
from services.cli.output import CommandError
from services.kernel.tables import as_csv
from services.routing.review import books
from services.routing.staff.realigning import UNTOUCHED_FOR, Asked, counts, planned

_COLUMNS = ("kind", "id", "name", "role", "was", "was_pool", "to", "to_pool", "why", "territory")
ReasonOption = Annotated[str, typer.Option("--reason", help="Stands in every event.")]


def realign(
    config: FolderOption = None,
    version: Annotated[
        str | None, typer.Option("--version", help="With --dry-run: under this published version.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say who would change.")] = False,
    untouched_for: Annotated[
        int, typer.Option(min=0, max=365, help="Days: what was worked on since then stays.")
    ] = UNTOUCHED_FOR,
    reason: ReasonOption = "",
    csv_: Annotated[bool, typer.Option("--csv", help="With --dry-run: print CSV.")] = False,
    postgres: output.PostgresOption = None,
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Give accounts and leads to those whose territory they lie in now.

    Open opportunities and what was touched lately stay. No turn is charged. Cut off, it goes on
    where it was when it is run again; `territories undo` gives back.
    """
    where = target.find(data)
    if not dry_run:
        if config is not None or version is not None:
            raise CommandError(
                "only the active version is carried out: publish it, or add --dry-run", 2
            )
        asked = {"untouched_for": untouched_for, "reason": reason}
        _carried_out(where, "/v1/territories/realign", asked, json)
        return
    with output.working("looking at who has what"):
        name, moves = asyncio.run(
            _planned(postgres or where.postgres, config, version, untouched_for)
        )
    rows = [_row(one) for one in moves]
    if json:
        output.emit({"version": name, "dry_run": True, **counts(moves), "moves": moves})
    elif csv_:
        sys.stdout.write(as_csv(_COLUMNS, rows))
    else:
        output.show(rows, _COLUMNS, "everybody has what lies in their territory")
        for kind, said in counts(moves).items():
            output.say(f"{kind}: " + (", ".join(f"{n} {why}" for why, n in said.items()) or "none"))


def realignments(data: output.DataOption = None, json: output.JsonOption = False) -> None:
    """Past realignments, the newest first."""
    with routing_api.client(target.find(data)) as client:
        found = routing_api.answered(client.get("/v1/territories/realignments"))
    if json:
        output.emit(found)
        return
    columns = ("id", "started_at", "by", "reason", "moves", "done", "open", "undone")
    output.show(found["realignments"], columns, "there was none")


def undo(
    realignment: Annotated[int, typer.Argument(help="As `territories realignments` names it.")],
    reason: ReasonOption = "",
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Give back what a realignment moved and nobody moved since."""
    path = f"/v1/territories/realignments/{realignment}/undo"
    _carried_out(target.find(data), path, {"reason": reason}, json)


def _carried_out(where: target.Target, path: str, asked: Mapping[str, Any], json: bool) -> None:
    """Ask until nothing is left."""
    moved, skipped, answer = 0, [], {"finished": False}
    with routing_api.client(where) as client, output.working("moving"):
        while not answer["finished"]:
            answer = routing_api.answered(client.post(path, json=asked))
            moved += answer["moved"]
            skipped += answer["skipped"]
    made = {**answer, "moved": moved, "skipped": skipped}
    if json:
        output.emit(made)
        return
    for one in skipped[:20]:
        output.say(f"{one['kind']} {one['subject']}: {one['why']}, left as it is")
    output.say(f"realignment {made['realignment']}: {moved} moved, {len(skipped)} left")


async def _planned(
    dsn: str, config: Path | None, version: str | None, untouched_for: int
) -> tuple[str, list[Any]]:
    files = configfiles.load(configfiles.folder(config)) if config is not None else None
    async with target.connection(dsn) as connection:
        name, plan = await books.plan_of(connection, files, version)
        return name, await planned(connection, plan, datetime.now(UTC), Asked(untouched_for))


def _row(move: Any) -> dict[str, Any]:
    row: dict[str, Any] = from_json(to_json(move))
    hit = row["territory"]
    row["territory"] = f"{hit['territory']} ({hit['table']}:{hit['line']})" if hit else None
    row["to"] = row["to"] or "(stays)"
    return row
