"""``handraise cadence``: touch plans, and the way back after too many bounces."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from services.cli import output, target, whoami
from services.cli.output import CommandError
from services.response.store import cadences

app = typer.Typer(help="Touch plans: list, resume.", no_args_is_help=True)


@app.command("list")
def list_(data: output.DataOption = None, json: output.JsonOption = False) -> None:
    """Who is in each plan, how much of its mail bounced, and whether it is paused."""

    async def ask() -> list[dict[str, object]]:
        async with target.connection(target.find(data).postgres) as connection:
            return await cadences.plans(connection)

    rows = asyncio.run(ask())
    if json:
        output.emit({"plans": rows})
    else:
        columns = ["plan", "running", "finished", "stopped", "sent", "bounced", "paused_at"]
        output.show(rows, columns, "nobody was enrolled yet")


@app.command()
def resume(
    plan: Annotated[str, typer.Argument(help="As response.yaml names it.")],
    author: Annotated[str, typer.Option("--author", help="Who (else the system's user).")] = "",
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Go on with a plan that was paused because its mail bounced; counts anew."""

    async def ask() -> bool:
        async with target.connection(target.find(data).postgres) as connection:
            return await cadences.resume(connection, plan, author or whoami.operator())

    if not asyncio.run(ask()):
        raise CommandError(f"{plan} is not paused")
    if json:
        output.emit({"plan": plan, "resumed": True})
    else:
        output.say(f"{plan} goes on")
