"""``handraise simulate``: any configuration over what was recorded, or over what is to come."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli import configfiles, output, rescoring, target
from services.cli.configfiles import FolderOption
from services.cli.output import CommandError
from services.kernel.asked import DAYS
from services.routing.review import books, runs, whatif
from services.routing.review.page import figures, page
from services.runtime.configstore import version_of

SinceOption = Annotated[
    datetime | None, typer.Option("--since", help=f"Else {DAYS} days before the end (UTC).")
]
UntilOption = Annotated[datetime | None, typer.Option("--until", help="Else now (UTC).")]
HtmlOption = Annotated[Path | None, typer.Option("--html", help="Write a page with plots here.")]
MovesOption = Annotated[
    int, typer.Option("--moves", min=0, help="How many of those that move are told one by one.")
]


def simulate(
    config: FolderOption = None,
    version: Annotated[
        str | None, typer.Option("--version", help="A published version instead of a folder.")
    ] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    what_if: Annotated[
        list[str] | None,
        typer.Option("--what-if", help="'dana away next week', 'dana left', 'dana cap day=5'."),
    ] = None,
    scoring: Annotated[
        str | None,
        typer.Option("--scoring", help="Score recorded leads with this version or folder instead."),
    ] = None,
    html: HtmlOption = None,
    moves: MovesOption = 100,
    postgres: output.PostgresOption = None,
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Say who would have got what under a configuration; with --scoring, what tier.

    Changes nothing.
    """
    _possible(html)
    if scoring is not None:
        if config or version or what_if:
            raise CommandError(
                "--scoring names its own model; with it go --since, --until, --moves, --html", 2
            )
        rescoring.run(scoring, since, until, moves, html, postgres, data, json=json)
        return
    _agreed(config, version, what_if, since or until)
    found = target.find(data)
    dsn = postgres or found.postgres
    files = _folder_files(config, found) if config or not (version or what_if) else None
    with output.working("simulating"):
        if what_if:
            made = asyncio.run(_supposed(dsn, files, version, what_if, moves))
        else:
            made = asyncio.run(_replayed(dsn, files, version, period(since, until), moves))
    present(made, html, json)


def _agreed(
    config: Path | None, version: str | None, what_if: list[str] | None, when: datetime | None
) -> None:
    """What was asked for does not contradict itself: no part of it is left out in silence."""
    if config and version:
        raise CommandError("--config and --version each name a configuration: give one", 2)
    if what_if and when:
        raise CommandError("--what-if is about the time to come: no --since or --until with it", 2)


def _possible(html: Path | None) -> None:
    """Said before minutes of computing, not after."""
    if html is not None and not html.absolute().parent.is_dir():
        raise CommandError(f"--html: there is no folder {html.parent}", 2)


def _folder_files(config: Path | None, found: target.Target) -> dict[str, str]:
    running = Path(found.running.config) if found.running else None
    return configfiles.load(configfiles.folder(config or running))


def period(since: datetime | None, until: datetime | None) -> tuple[datetime, datetime]:
    """The period that was named, else the last :data:`DAYS` days."""
    first, last = target.between(since, until)
    end = last or datetime.now(UTC)
    start = first or end - timedelta(days=DAYS)
    if end <= start:
        raise CommandError("--until must lie after --since", 2)
    return start, end


async def _replayed(
    dsn: str,
    files: Mapping[str, str] | None,
    version: str | None,
    period: tuple[datetime, datetime],
    moves: int,
) -> dict[str, Any]:
    async with target.connection(dsn) as connection:
        name, found = await books.files_of(connection, files, version)
        return await runs.replayed(connection, found, name, period, moves)


async def replayed_both(
    dsn: str,
    before: Mapping[str, str],
    after: Mapping[str, str],
    period: tuple[datetime, datetime],
    moves: int,
) -> dict[str, Any]:
    """Two configurations over the same recorded traffic."""
    names = version_of(before), version_of(after)
    async with target.connection(dsn) as connection:
        return await runs.replayed_both(connection, (before, after), names, period, moves)


async def _supposed(
    dsn: str,
    files: Mapping[str, str] | None,
    version: str | None,
    texts: list[str],
    moves: int,
) -> dict[str, Any]:
    async with target.connection(dsn) as connection:
        name, found = await books.files_of(connection, files, version)
        try:
            now = datetime.now(UTC)
            return await runs.supposed(connection, found, name, texts, now, moves)
        except whatif.Unclear as error:
            raise CommandError(f"--what-if {error}", 2) from None


def present(made: Mapping[str, Any], html: Path | None, json: bool) -> None:
    """A report as JSON, as a page, or as tables."""
    if html is not None:
        html.write_text(page(made, f"Simulation: {made['new']}"), "utf-8")
    if json:
        output.emit(made)
        return
    output.say(
        f"{made['leads']} submissions, {made['since']:%Y-%m-%d %H:%M} to"
        f" {made['until']:%Y-%m-%d %H:%M} UTC: {made['different']} go elsewhere"
    )
    names = (made["old"], made["new"])
    lines = [dict(zip(("", *names), line, strict=True)) for line in figures(made)]
    output.show(lines, ("", *names), "nothing")
    for part in ("reps", "pools", "rules"):
        rows = [
            {part: row["name"], names[0]: _of(row, "old"), names[1]: _of(row, "new")}
            for row in made[part]
        ]
        output.show(rows, (part, *names), f"no {part}")
    for note in made["notes"]:
        output.say(note)
    if html is not None:
        output.say(f"the page is {html}")


def _of(row: Mapping[str, Any], side: str) -> str:
    return f"{row[side]} ({row[f'{side}_share']:.1%})"
