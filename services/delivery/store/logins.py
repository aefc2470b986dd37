"""OAuth logins whose tokens change at each refresh. Callers encrypt what is kept here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.runtime.database import Connection


@dataclass(frozen=True, slots=True)
class Kept:
    """The latest of a login; tokens as they are kept."""

    refresh_token: bytes
    access_token: bytes
    expires_at: datetime


async def lock(conn: Connection, given: str) -> None:
    """Until the end of the transaction nobody else refreshes this login."""
    await conn.execute(
        "select pg_advisory_xact_lock(hashtextextended('delivery.login ' || $1, 0))", given
    )


async def find(conn: Connection, given: str) -> Kept | None:
    """The latest of a login.

    :param given: hash of the token that it began with.
    """
    row = await conn.fetchrow(
        "select refresh_token, access_token, expires_at from delivery.logins where given = $1",
        given,
    )
    return None if row is None else Kept(**dict(row))


async def keep(conn: Connection, given: str, kept: Kept) -> None:
    """Instead of the one before."""
    await conn.execute(
        "insert into delivery.logins (given, refresh_token, access_token, expires_at)"
        " values ($1, $2, $3, $4) on conflict (given) do update"
        " set refresh_token = excluded.refresh_token, access_token = excluded.access_token,"
        " expires_at = excluded.expires_at, changed_at = clock_timestamp()",
        given,
        kept.refresh_token,
        kept.access_token,
        kept.expires_at,
    )
