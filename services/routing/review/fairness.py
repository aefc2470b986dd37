"""A pool's standings and accounts, read from the database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, cast

import asyncpg

from services.routing.review.ledger import Line, accounts, lines
from services.routing.review.traffic import Row
from services.routing.store import history
from services.routing.store import standings as store
from services.runtime.database import Connection

MOST_LINES = 200_000
"""Of one answer; a longer period is asked for in parts."""


class UnknownPool(ValueError):
    """Nobody has a seat there; the message names the pools there are."""


class TooMuch(ValueError):
    """More lines than one answer holds."""


async def report(
    connection: Connection, pool: str, since: datetime, until: datetime
) -> dict[str, Any]:
    """How the members stand, and what the decisions of a period come to for each.

    :raises UnknownPool: there is no such pool.
    """
    members = await _members(connection, pool)
    found = accounts(await _lines(connection, pool, since, until))
    return {
        "pool": pool,
        "since": since,
        "until": until,
        "members": members,
        "accounts": {rep: found[rep].as_dict() for rep in sorted(found)},
    }


async def ledger(
    connection: Connection,
    pool: str,
    since: datetime,
    until: datetime,
    rep: str | None = None,
) -> list[Line]:
    """Every line of a period, of one member or of all.

    :raises UnknownPool: there is no such pool.
    """
    await _members(connection, pool)
    found = await _lines(connection, pool, since, until)
    return [line for line in found if rep is None or line.rep == rep]


async def _members(connection: Connection, pool: str) -> list[dict[str, Any]]:
    members = await store.standings(connection, pool)
    if not members:
        known = ", ".join(await store.pools(connection))
        raise UnknownPool(f"there is no pool {pool!r}; pools with members: {known or '-'}")
    return members


async def _lines(connection: Connection, pool: str, since: datetime, until: datetime) -> list[Line]:
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        rows = [row async for row in _touching(connection, since, until)]
    found = list(lines(rows, pool))
    if len(found) > MOST_LINES:
        raise TooMuch(f"{len(found)} lines; ask for a shorter period than {since} to {until}")
    return found


async def _touching(connection: Connection, since: datetime, until: datetime) -> AsyncIterator[Row]:
    async for row in history.rows(cast(asyncpg.Connection, connection), since, until):
        if row.record is not None:
            yield row
