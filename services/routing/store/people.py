"""What operators changed about people, what was told of them, and their seats in the pools."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from pydantic_core import to_json

from services.routing.overlay import Kind, RepChange
from services.routing.plan import ALL_TIERS, TIERS, Plan
from services.routing.store import people_sql as sql
from services.runtime.database import Connection

_CHANGES = TypeAdapter(list[RepChange])


async def alone(connection: Connection) -> None:
    """Wait for every decision in progress; none starts before the caller's transaction ends."""
    await connection.execute(sql.ALONE)


async def believed(
    connection: Connection, known_at: datetime | None = None, rep_id: str | None = None
) -> list[RepChange]:
    """The changes that are believed, or were at ``known_at``, in the order of their ids."""
    found = await connection.fetchval(sql.BELIEVED, known_at, rep_id)
    return _CHANGES.validate_json(found)


async def history(connection: Connection, rep_id: str) -> list[RepChange]:
    """Every change of one rep, taken back or not, the newest first."""
    return _CHANGES.validate_json(await connection.fetchval(sql.HISTORY, rep_id))


async def record(
    connection: Connection,
    rep_id: str,
    kind: Kind,
    value: Mapping[str, Any],
    *,
    valid: tuple[datetime, datetime | None],
    at: datetime,
    by: str,
    note: str,
) -> int:
    """Store a change; gives its id."""
    text = to_json(value).decode()
    return int(
        await connection.fetchval(sql.RECORD, rep_id, kind.value, text, *valid, at, by, note)
    )


async def supersede(connection: Connection, ids: list[int], at: datetime, by: str) -> int:
    """Take changes back; gives how many were still believed."""
    return len(await connection.fetch(sql.SUPERSEDE, ids, at, by))


async def one_teller(connection: Connection) -> None:
    """Nobody else tells of people until the commit."""
    await connection.execute(sql.ONE_TELLER)


async def told(connection: Connection) -> dict[str, tuple[dict[str, Any], int]]:
    """What was told last of each rep, with its number."""
    rows = await connection.fetch(sql.TOLD)
    return {
        row["rep_id"]: (TypeAdapter(dict).validate_json(row["told"]), row["number"]) for row in rows
    }


async def tell(connection: Connection, rep_id: str, content: bytes, number: int) -> None:
    """Note what is told of a rep now."""
    await connection.execute(sql.TELL, rep_id, content.decode(), number)


async def announced(connection: Connection) -> str | None:
    """The version whose members have their seats."""
    version: str | None = await connection.fetchval(sql.ANNOUNCED)
    return version


async def announce(connection: Connection, version: str) -> None:
    """Note that the members of a version have their seats."""
    await connection.execute(sql.ANNOUNCE, version)


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


async def open_attempts(connection: Connection, rep_id: str, limit: int) -> list[Any]:
    """Ids of the attempts by which a rep has leads, the oldest first."""
    rows = await connection.fetch(sql.OPEN_ATTEMPTS, rep_id, limit)
    return [row["assignment_id"] for row in rows]
