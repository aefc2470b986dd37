"""When each feed told anything for the last time, as all processes of capture know it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

import asyncpg


@dataclass(frozen=True, slots=True)
class FeedTime:
    """Of one source."""

    source: str
    known_since: datetime
    """When it was configured."""
    last_event_at: datetime | None
    """None: it has told nothing so far."""

    @property
    def fresh_at(self) -> datetime:
        """One that never tells anything grows old from the day on which it was configured."""
        return self.last_event_at or self.known_since


async def told(pool: asyncpg.Pool, times: Mapping[str, datetime]) -> None:
    """Store when feeds spoke; an earlier time than the stored one changes nothing."""
    if times:
        names = sorted(times)
        await pool.execute(
            "insert into capture.feeds as f (source, last_event_at)"
            " select * from unnest($1::text[], $2::timestamptz[])"
            " on conflict (source) do update set last_event_at = excluded.last_event_at"
            " where f.last_event_at is null or f.last_event_at < excluded.last_event_at",
            names,
            [times[name] for name in names],
        )


async def know(pool: asyncpg.Pool, sources: Collection[str]) -> None:
    """From now on these sources are expected to speak."""
    await pool.execute(
        "insert into capture.feeds (source) select name from unnest($1::text[]) as t (name)"
        " order by name on conflict do nothing",
        sorted(sources),
    )


async def read(connection: asyncpg.Connection | asyncpg.Pool) -> dict[str, FeedTime]:
    """All, by source."""
    rows = await connection.fetch("select source, known_since, last_event_at from capture.feeds")
    return {row["source"]: FeedTime(*row) for row in rows}
