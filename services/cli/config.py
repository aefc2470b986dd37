"""``handraise config``: configuration as code, and its register of versions."""

from __future__ import annotations

import asyncio
import difflib
import getpass
import json as jsonlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from services.cli import configfiles, output, target
from services.runtime.configfile import ConfigError
from services.runtime.configstore import ConfigStore, version_of

app = typer.Typer(help="Check, publish and compare configurations.", no_args_is_help=True)

FolderOption = Annotated[
    Path | None, typer.Option("--config", help="Folder (else HANDRAISE_CONFIG, deploy/config).")
]
NoteOption = Annotated[str, typer.Option("--note", help="Why, for the audit trail.")]
_store = ConfigStore()


@app.command()
def check(config: FolderOption = None, json: output.JsonOption = False) -> None:
    """Say what is wrong, with file, line and path; exit 2 when anything is."""
    folder = configfiles.folder(config)
    try:
        files = configfiles.load(folder)
    except ConfigError as error:
        if not json:
            raise
        faults = [{**asdict(fault), "text": str(fault)} for fault in error.faults]
        output.emit({"ok": False, "faults": faults})
        raise typer.Exit(2) from None
    if json:
        output.emit({"ok": True, "version": version_of(files), "files": sorted(files)})
    else:
        output.say(f"{folder} is good: version {version_of(files)}, {len(files)} files")


@app.command()
def schema(
    file: Annotated[str | None, typer.Argument(help=", ".join(configfiles.MODELS))] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write one FILE.schema.json per file here.")
    ] = None,
) -> None:
    """JSON Schema of the configuration files, for editors."""
    names = [file] if file else list(configfiles.MODELS)
    schemas = {name: configfiles.schema(name) for name in names}
    if out is None:
        output.emit(schemas[file] if file else schemas)
        return
    out.mkdir(parents=True, exist_ok=True)
    for name, document in schemas.items():
        path = out / f"{Path(name).stem}.schema.json"
        path.write_text(jsonlib.dumps(document, indent=2, ensure_ascii=False) + "\n")
        output.say(str(path))


@app.command()
def publish(
    config: FolderOption = None,
    note: NoteOption = "",
    postgres: output.PostgresOption = None,
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Check a folder and make it the active version; services take it up within a second."""
    found = target.find(data)
    files = configfiles.load(_folder(config, found))
    _activate(postgres or found.postgres, files, note, json)


@app.command()
def rollback(
    version: Annotated[str, typer.Argument(help="As `config list` names it.")],
    note: NoteOption = "",
    postgres: output.PostgresOption = None,
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Make an earlier version active again."""
    dsn = postgres or target.find(data).postgres
    files = asyncio.run(_files(dsn, version))
    configfiles.check(files)
    _activate(dsn, files, note or f"rolled back to {version}", json)


@app.command("list")
def list_(
    postgres: output.PostgresOption = None,
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Who published what, the newest first."""

    async def run(dsn: str) -> list[dict[str, object]]:
        async with target.connection(dsn) as connection:
            return [asdict(entry) for entry in await _store.list(connection)]

    entries = asyncio.run(run(postgres or target.find(data).postgres))
    if json:
        output.emit({"versions": entries})
        return
    columns = ["version", "active", "at", "author", "note"]
    output.show(entries, columns, "nothing is published: handraise config publish")


@app.command()
def diff(
    old: Annotated[str | None, typer.Argument(help="A version (default: the active one).")] = None,
    new: Annotated[str | None, typer.Argument(help="A version (default: the folder).")] = None,
    config: FolderOption = None,
    postgres: output.PostgresOption = None,
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """What differs between two versions, or between the active one and the folder."""
    found = target.find(data)
    dsn = postgres or found.postgres
    before = asyncio.run(_files(dsn, old))
    after = asyncio.run(_files(dsn, new)) if new else configfiles.load(_folder(config, found))
    lines = list(_differences(before, after))
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
    return configfiles.folder(given or (Path(found.running.config) if found.running else None))


def _activate(dsn: str, files: Mapping[str, str], note: str, json: bool) -> None:
    async def run() -> tuple[str, str]:
        async with target.connection(dsn) as connection:
            latest = await _store.list(connection, 1)
            version = await _store.publish(connection, files, getpass.getuser(), note)
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


def _differences(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    lines: list[str] = []
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name, ""), after.get(name, "")
        lines += difflib.unified_diff(
            old.splitlines(), new.splitlines(), f"a/{name}", f"b/{name}", lineterm=""
        )
    return lines
