"""Which configuration's people were published, and their seats in the pools."""

from __future__ import annotations

from services.routing.plan import ALL_TIERS, TIERS, Plan
from services.routing.store import sql
from services.runtime.database import Connection


async def announced(connection: Connection) -> str | None:
    """The version whose people were published last; nobody else announces until the commit."""
    await connection.execute(sql.ONE_ANNOUNCER)
    version: str | None = await connection.fetchval(sql.ANNOUNCED)
    return version


async def announce(connection: Connection, version: str) -> int:
    """Note that the people of a version are published; gives the number of the announcement."""
    return int(await connection.fetchval(sql.ANNOUNCE, version))


async def seat(connection: Connection, plan: Plan) -> None:
    """Give every member of every pool a row of turns: a joiner starts even, one who left weighs 0.

    The pools' rows are locked by the caller.
    """
    seats = [
        (pool.id, group, member, weight)
        for pool in plan.teams.pools
        for group in (TIERS if pool.rotate_tiers_apart else (ALL_TIERS,))
        for member, weight in plan.weights[pool.id].items()
    ]
    pools, groups, members, weights = map(list, zip(*seats, strict=True)) if seats else ([],) * 4
    await connection.execute(sql.SEAT, pools, groups, members, weights)
    await connection.execute(sql.UNSEAT, pools, groups, members)
