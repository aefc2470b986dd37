"""``handraise scoring``: what a lead is worth, line by line."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import typer

from services.cli import output, target
from services.cli.leads import find_lead
from services.cli.output import CommandError

app = typer.Typer(help="Scores and their ledgers.", no_args_is_help=True)

_LATEST = """
select score_revision, at, fit, intent, total, tier, mql, ledger, version
from scoring.story where lead_id = $1 order by score_revision desc limit 1
"""
_DRIP = """
select pool, count(*) filter (where released_at is null) as waiting,
       count(*) filter (where released_at is null and signals > 0) as with_signals,
       min(since) filter (where released_at is null) as oldest,
       count(*) filter (where released_at > now() - interval '24 hours') as given_24h,
       count(released_at) as given
from scoring.drip group by pool order by pool
"""


@app.callback()
def scoring() -> None:
    """Scores and their ledgers."""


@app.command()
def explain(
    lead: Annotated[str, typer.Argument(help="Lead id or e-mail.")],
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """The ledger of a lead's latest score; its lines add up to the total."""
    found = asyncio.run(_explain(target.find(data), lead))
    if json:
        output.emit(found)
        return
    for line in found["ledger"]:
        line["points"] = points(line["points"])
    output.show(found["ledger"], ["dimension", "group", "rule", "points", "expires_at"], "no line")
    output.stdout.print(
        f"fit {points(found['fit'])} + intent {points(found['intent'])} = "
        f"{points(found['total'])}: {found['tier']}{', MQL' if found['mql'] else ''} "
        f"(revision {found['score_revision']}, configuration {found['version']})",
        markup=False,
    )


@app.command()
def drip(data: output.DataOption = None, json: output.JsonOption = False) -> None:
    """Who waits for a turn of each pool's daily drip, and how many had theirs since yesterday."""
    rows = asyncio.run(_drip(target.find(data)))
    if json:
        output.emit(rows)
        return
    columns = ["pool", "waiting", "with_signals", "oldest", "given_24h", "given"]
    output.show(rows, columns, "nobody waits, and nobody was given a turn")


async def _drip(where: target.Target) -> list[dict[str, Any]]:
    async with target.connection(where.postgres) as connection:
        return [dict(row) for row in await connection.fetch(_DRIP)]


async def _explain(where: target.Target, lead: str) -> dict[str, Any]:
    async with target.connection(where.postgres) as connection:
        lead_id = await find_lead(connection, where, lead)
        row = await connection.fetchrow(_LATEST, lead_id)
    if row is None:
        raise CommandError(f"lead {lead_id} has no score yet")
    return {"lead_id": lead_id, **row, "ledger": target.decoded(row["ledger"])}


def points(hundredths: int) -> str:
    """Hundredths as points."""
    return f"{hundredths / 100:g}"
