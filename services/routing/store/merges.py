"""Which lead stands for which."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from services.runtime.database import Connection

_ACCOUNTS = "select lead_id, account_key from routing.leads where lead_id = any($1::uuid[])"
_FOLLOW = """
update routing.leads set merged_into = $2 where merged_into = $1
"""
_INTO = "select merged_into from routing.merged where lead_id = $1"
_OTHERS = "select lead_id from routing.merged where merged_into = $1 order by lead_id"
_ATTEMPTS = """
select distinct role, pool from routing.attempts where lead_id = any($1::uuid[])
"""


async def accounts(connection: Connection, leads: Collection[UUID]) -> dict[UUID, str]:
    """The account keys of leads; the unknown are left out."""
    rows = await connection.fetch(_ACCOUNTS, list(leads))
    return {row["lead_id"]: row["account_key"] for row in rows}


async def pools(connection: Connection, leads: Collection[UUID]) -> frozenset[str]:
    """The pools in which these leads ever were."""
    rows = await connection.fetch(_ATTEMPTS, list(leads))
    return frozenset(row["pool"] for row in rows if row["pool"] is not None)


async def follow(connection: Connection, merged: UUID, into: UUID) -> None:
    """Whoever the merged lead stood for is stood for by the survivor."""
    await connection.execute(_FOLLOW, merged, into)


async def survivor(connection: Connection, lead: UUID) -> UUID | None:
    """Which lead stands for this one; None where it is itself."""
    found: UUID | None = await connection.fetchval(_INTO, lead)
    return found


async def stands_for(connection: Connection, lead: UUID) -> list[UUID]:
    """The leads that were merged into this one."""
    return [row["lead_id"] for row in await connection.fetch(_OTHERS, lead)]
