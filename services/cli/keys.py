"""``handraise keys``: who may call ``/v1``."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated

import typer

from services.cli import output, target, whoami
from services.runtime import apikeys
from services.runtime.apikeys import Scope

app = typer.Typer(help="API keys: made once, shown once.", no_args_is_help=True)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Who will hold it.")],
    scope: Annotated[
        list[Scope] | None, typer.Option(help="What it may do; repeatable (leads:write).")
    ] = None,
    source: Annotated[
        str | None, typer.Option(help="Everything it hands in comes from this source.")
    ] = None,
    publishable: Annotated[
        bool, typer.Option("--publishable", help="For browsers: may only create leads of --source.")
    ] = False,
    postgres: output.PostgresOption = None,
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Make a key; it is shown now and never again. Every process knows it within a second."""
    scopes = set(scope or [Scope.LEADS_WRITE])

    async def run() -> str:
        async with target.connection(postgres or target.find(data).postgres) as connection:
            return await apikeys.create(
                connection,
                name,
                scopes,
                actor=whoami.operator(),
                source=source,
                publishable=publishable,
            )

    key = asyncio.run(run())
    if json:
        output.emit({"key": key, "id": key.split("_")[1], "name": name, "scopes": sorted(scopes)})
    else:
        output.stdout.print(key)
        output.say("keep it now: only its hash is stored")


@app.command("list")
def list_(
    postgres: output.PostgresOption = None,
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Every key, revoked ones too."""

    async def run() -> list[apikeys.KeyInfo]:
        async with target.connection(postgres or target.find(data).postgres) as connection:
            return await apikeys.list_keys(connection)

    keys = [asdict(key) for key in asyncio.run(run())]
    if json:
        output.emit({"keys": keys})
        return
    columns = ["id", "name", "scopes", "source", "created_at", "last_used_at", "revoked_at"]
    output.show(keys, columns, "there is no key: handraise keys create NAME")


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(help="As `keys list` names it.")],
    postgres: output.PostgresOption = None,
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Take a key out of use; every process knows within about a second."""

    async def run() -> None:
        async with target.connection(postgres or target.find(data).postgres) as connection:
            await apikeys.revoke(connection, key_id, actor=whoami.operator())

    asyncio.run(run())
    if json:
        output.emit({"revoked": key_id})
    else:
        output.say(f"revoked {key_id}")
