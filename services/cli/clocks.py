"""``handraise clocks``: what runs, and new deadlines for what runs where a person asks for them."""

from __future__ import annotations

import asyncio
from typing import Annotated

import asyncpg
import typer

from schemas.base import TierName
from services.cli import output, target
from services.cli.output import CommandError
from services.kernel.faults import did_you_mean
from services.response.config import parse
from services.response.retime import retime as compute
from services.response.store import due
from services.runtime.configstore import ConfigStore

app = typer.Typer(help="Response clocks: list, retime.", no_args_is_help=True)

PoolOption = Annotated[str | None, typer.Option(help="Only of this pool.")]


@app.command("list")
def list_(
    pool: PoolOption = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 100,
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """The clocks that run, the next deadline first."""

    async def ask() -> list[dict[str, object]]:
        async with target.connection(target.find(data).postgres) as connection:
            found = await due.listed(connection, pool, limit)
            if not found:
                await _known(connection, pool)
            return found

    rows = asyncio.run(ask())
    if json:
        output.emit({"clocks": rows})
    else:
        columns = ["due_at", "kind", "rep_id", "pool", "tier", "lead_id", "config_version"]
        output.show(rows, columns, "no clock runs")


@app.command()
def retime(
    pool: PoolOption = None,
    tier: Annotated[TierName | None, typer.Option(help="Only of this tier.")] = None,
    scale: Annotated[float, typer.Option(help="As `up --clock-scale` was given.", min=0.001)] = 1,
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Give running clocks the deadlines of the active configuration.

    A change of settings moves no running clock by itself.
    """

    async def ask() -> int:
        async with target.connection(target.find(data).postgres) as connection:
            count = await compute(connection, pool, tier.value if tier else None, scale)
            if not count:
                await _known(connection, pool)
            return count

    count = asyncio.run(ask())
    if json:
        output.emit({"leads": count})
    else:
        output.say(f"the clocks of {count} leads were computed anew")


async def _known(connection: asyncpg.Connection, pool: str | None) -> None:
    """:raises CommandError: for a pool that the active configuration does not have."""
    if pool is None:
        return
    _, files = await ConfigStore().active(connection)
    pools = tuple(parse(files).members)
    if pool not in pools:
        raise CommandError(f"there is no pool {pool}{did_you_mean(pool, pools)}", 2)
