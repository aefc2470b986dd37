"""``handraise fairness``: what each member of a pool got, against what was due."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import typer

from services.cli import output, target
from services.cli.output import CommandError

_TURNS = """
select tier_group as "group", member as id, weight, count, entitlement::float8 as entitlement,
       deviation::float8 as deviation
from routing.fairness where pool = $1 order by tier_group, member
"""
_POOLS = "select distinct pool from routing.fairness order by pool"


def fairness(
    pool: Annotated[str, typer.Argument(help="As teams.yaml names it.")],
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Show turns against what was due. Entitlement: each member's share of the leads that came."""
    members = asyncio.run(_members(target.find(data).postgres, pool))
    if json:
        output.emit({"pool": pool, "members": members})
        return
    for member in members:
        member["entitlement"] = f"{member['entitlement']:.2f}"
        member["deviation"] = f"{member['deviation']:+.2f}"
    columns = ["id", "group", "weight", "count", "entitlement", "deviation"]
    output.show(members, columns, "nobody had a turn yet")


async def _members(dsn: str, pool: str) -> list[dict[str, Any]]:
    async with target.connection(dsn) as connection:
        rows = await connection.fetch(_TURNS, pool)
        if not rows:
            known = ", ".join(row["pool"] for row in await connection.fetch(_POOLS))
            raise CommandError(f"no turn was given in {pool!r}; pools with turns: {known or '-'}")
    return [dict(row) for row in rows]
