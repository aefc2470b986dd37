"""``handraise config publish|list|show|diff|rollback|cancel``: the register of versions."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from services.cli import configfiles, output, target, whoami
from services.cli.configfiles import FolderOption
from services.cli.output import CommandError
from services.cli.simulate import (
    HtmlOption,
    MovesOption,
    SinceOption,
    UntilOption,
    period,
    present,
    replayed_both,
)
from services.runtime.configstore import ConfigStore, differences, version_of

NoteOption = Annotated[str, typer.Option("--note", help="Why, for the audit trail.")]
AuthorOption = Annotated[str, typer.Option("--author", help="Who (else the system's user).")]
_store = ConfigStore()


def publish(
    config: FolderOption = None,
    note: NoteOption = "",
    author: AuthorOption = "",
    effective_at: Annotated[
        datetime | None, typer.Option("--effective-at", help="Become active then (UTC).")
    ] = None,
    postgres: output.PostgresOption = None,
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Check a folder and make it the active version; services take it up within a second."""
    found = target.find(data)
    folder = _folder(config, found)
    files = configfiles.load(folder)
    for finding in (*configfiles.strays(folder), *configfiles.findings(files, datetime.now(UTC))):
        output.say(f"warning: {finding}")
    dsn = postgres or found.postgres
    at = target.utc(effective_at)
    if at is not None and at > datetime.now(UTC):
        _schedule(dsn, files, author, note, at, json)
    else:
        _activate(dsn, files, author, note, json)


def rollback(
    version: Annotated[str, typer.Argument(help="As `config list` names it.")],
    note: NoteOption = "",
    author: AuthorOption = "",
    postgres: output.PostgresOption = None,
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Make an earlier version active again."""
    dsn = postgres or target.find(data).postgres
    files = asyncio.run(_files(dsn, version))
    configfiles.check(files)
    _activate(dsn, files, author, note or f"rolled back to {version}", json)


def cancel(
    version: Annotated[str, typer.Argument(help="As `config list` names it.")],
    postgres: output.PostgresOption = None,
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Call off a version that was to become active later."""

    async def run(dsn: str) -> int:
        async with target.connection(dsn) as connection:
            return await _store.cancel(connection, version)

    cancelled = asyncio.run(run(postgres or target.find(data).postgres))
    if not cancelled:
        raise CommandError(f"version {version} is not scheduled")
    if json:
        output.emit({"version": version, "cancelled": cancelled})
    else:
        output.say(f"version {version} will not become active by itself")


def show(
    version: Annotated[str | None, typer.Argument(help="Default: the active one.")] = None,
    file: Annotated[str | None, typer.Argument(help="Only this file.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the files into this folder.")] = None,
    postgres: output.PostgresOption = None,
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Print the files of a version, as they were published."""
    files = asyncio.run(_files(postgres or target.find(data).postgres, version))
    if file is not None and file not in files:
        raise CommandError(f"version {version_of(files)} has no {file}; it has {', '.join(files)}")
    shown = {name: files[name] for name in sorted(files) if file in (None, name)}
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        for name, text in shown.items():
            (out / name).write_text(text, "utf-8")
        output.say(f"{len(shown)} files of version {version_of(files)} are in {out}")
    elif json:
        output.emit({"version": version_of(files), "files": shown})
    else:
        for name, text in shown.items():
            output.stdout.print(f"# -- {name} (version {version_of(files)})", markup=False)
            output.stdout.print(text, markup=False)


def list_(
    postgres: output.PostgresOption = None,
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Who published what, the newest first; above them what becomes active later."""

    async def run(dsn: str) -> list[dict[str, object]]:
        async with target.connection(dsn) as connection:
            coming = await _store.scheduled(connection)
            past = await _store.list(connection)
            return [
                *({**asdict(one), "active": False} for one in reversed(coming)),
                *({**asdict(one), "effective_at": None} for one in past),
            ]

    entries = asyncio.run(run(postgres or target.find(data).postgres))
    if json:
        output.emit({"versions": entries})
        return
    columns = ["version", "active", "at", "effective_at", "author", "note"]
    output.show(entries, columns, "nothing is published: handraise config publish")


def diff(
    old: Annotated[str | None, typer.Argument(help="A version (default: the active one).")] = None,
    new: Annotated[str | None, typer.Argument(help="A version (default: the folder).")] = None,
    config: FolderOption = None,
    decisions: Annotated[
        bool, typer.Option("--decisions", help="Run both over recorded traffic; see `simulate`.")
    ] = False,
    since: SinceOption = None,
    until: UntilOption = None,
    html: HtmlOption = None,
    moves: MovesOption = 100,
    postgres: output.PostgresOption = None,
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """What differs between two versions, or between the active one and the folder."""
    found = target.find(data)
    dsn = postgres or found.postgres
    before = asyncio.run(_files(dsn, old))
    after = asyncio.run(_files(dsn, new)) if new else configfiles.load(_folder(config, found))
    if decisions:
        with output.working("simulating"):
            made = asyncio.run(replayed_both(dsn, before, after, period(since, until), moves))
        present(made, html, json)
        return
    lines = differences(before, after)
    if json:
        output.emit(
            {"old": version_of(before), "new": version_of(after), "same": not lines, "diff": lines}
        )
    elif lines:
        for line in lines:
            output.stdout.print(line, markup=False)
    else:
        output.say(f"no difference: both are version {version_of(after)}")


def _folder(given: Path | None, found: target.Target) -> Path:
    """The folder that a running ``up`` was started with, unless another one is named."""
    return configfiles.folder(given or configfiles.of_running(found.running))


def _schedule(
    dsn: str, files: Mapping[str, str], author: str, note: str, at: datetime, json: bool
) -> None:
    async def run() -> str:
        async with target.connection(dsn) as connection:
            return await _store.schedule(connection, files, author or whoami.operator(), note, at)

    version = asyncio.run(run())
    if json:
        output.emit({"version": version, "effective_at": at, "changed": False})
    else:
        output.say(f"version {version} becomes active at {at:%Y-%m-%d %H:%M:%S} UTC")


def _activate(dsn: str, files: Mapping[str, str], author: str, note: str, json: bool) -> None:
    async def run() -> tuple[str, str]:
        async with target.connection(dsn) as connection:
            latest = await _store.list(connection, 1)
            version = await _store.publish(connection, files, author or whoami.operator(), note)
            return (latest[0].version if latest else ""), version

    before, version = asyncio.run(run())
    if json:
        output.emit({"version": version, "before": before or None, "changed": before != version})
    elif before == version:
        output.say(f"version {version} is active already")
    else:
        output.say(f"version {version} is active" + (f" (was {before})" if before else ""))


async def _files(dsn: str, version: str | None) -> dict[str, str]:
    async with target.connection(dsn) as connection:
        if version is not None:
            return await _store.files(connection, version)
        return (await _store.active(connection))[1]
