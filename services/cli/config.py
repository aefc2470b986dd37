"""``handraise config``: configuration as code, and its register of versions."""

from __future__ import annotations

import json as jsonlib
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from services.cli import configfiles, configtests, configversions, output
from services.cli.configfiles import FolderOption
from services.runtime.configfile import ConfigError
from services.runtime.configstore import version_of

app = typer.Typer(help="Check, publish and compare configurations.", no_args_is_help=True)

for _name, _command in (
    ("publish", configversions.publish),
    ("list", configversions.list_),
    ("show", configversions.show),
    ("diff", configversions.diff),
    ("rollback", configversions.rollback),
    ("cancel", configversions.cancel),
    ("test", configtests.check_tests),
):
    app.command(_name)(_command)


@app.command()
def check(config: FolderOption = None, json: output.JsonOption = False) -> None:
    """Say what is wrong, with file, line and path.

    That is also: rules and tiers that have no effect, people who are gone, hours without cover,
    files that nobody reads.

    Exit 2 when anything is.
    """
    folder = configfiles.folder(config)
    try:
        files = configfiles.load(folder)
        found = [*configfiles.strays(folder), *configfiles.findings(files, datetime.now(UTC))]
        if found:
            raise ConfigError(found)
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
