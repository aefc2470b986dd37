"""How the members of a pool stand."""

from __future__ import annotations

from typing import Any

from services.runtime.database import Connection

_STANDINGS = """
select tier_group as "group", member as id, weight, count, entitlement::float8 as entitlement,
       deviation::float8 as deviation
from routing.fairness where pool = $1 order by tier_group, member
"""
_POOLS = "select distinct pool from routing.fairness order by pool"


async def standings(connection: Connection, pool: str) -> list[dict[str, Any]]:
    """Each member of each tier group; weight 0: no longer a member."""
    return [dict(row) for row in await connection.fetch(_STANDINGS, pool)]


async def pools(connection: Connection) -> list[str]:
    """The pools in which anybody has a seat."""
    return [row["pool"] for row in await connection.fetch(_POOLS)]
