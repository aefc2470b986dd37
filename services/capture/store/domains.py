"""Which domains take mail, as all processes of capture found out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg


@dataclass(frozen=True, slots=True)
class Answer:
    """What the DNS said of one domain."""

    domain: str
    accepts: bool
    checked_at: datetime
    expires_at: datetime


async def since(pool: asyncpg.Pool, checked_at: datetime, *, limit: int) -> list[Answer]:
    """Answers that still hold, found since a time; the newest ``limit``, oldest first."""
    rows = await pool.fetch(
        "select domain, accepts, checked_at, expires_at from capture.mail_domains"
        " where checked_at >= $1 and expires_at > now() order by checked_at desc limit $2",
        checked_at,
        limit,
    )
    return [Answer(*row) for row in reversed(rows)]


async def keep(pool: asyncpg.Pool, answers: Sequence[Answer]) -> None:
    """Store answers, over older ones."""
    if answers:
        await pool.execute(
            "insert into capture.mail_domains as m (domain, accepts, checked_at, expires_at)"
            " select * from unnest($1::text[], $2::boolean[], $3::timestamptz[],"
            "                      $4::timestamptz[]) as n (domain, a, c, e) order by domain"
            " on conflict (domain) do update set accepts = excluded.accepts,"
            "     checked_at = excluded.checked_at, expires_at = excluded.expires_at"
            " where m.checked_at < excluded.checked_at",
            [one.domain for one in answers],
            [one.accepts for one in answers],
            [one.checked_at for one in answers],
            [one.expires_at for one in answers],
        )


async def forget(pool: asyncpg.Pool) -> None:
    """Delete what no longer holds."""
    await pool.execute("delete from capture.mail_domains where expires_at <= now()")
