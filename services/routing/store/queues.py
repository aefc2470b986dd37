"""Who waits, as far as the drain needs to know before it locks anything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from services.routing.store import sql


@dataclass(frozen=True, slots=True)
class Queue:
    """The holds of one pool."""

    pool: str
    held: int
    oldest: datetime
    """Since when the one that waits longest does."""
    overdue: int
    """Holds whose next try was due."""


@dataclass(frozen=True, slots=True)
class Held:
    """One hold; what must be locked to try it again."""

    assignment_id: UUID
    lead_id: UUID
    account_key: str
    role: str


async def queues(pool: asyncpg.Pool, now: datetime) -> list[Queue]:
    """Every pool that somebody waits for."""
    return [Queue(**dict(row)) for row in await pool.fetch(sql.QUEUES, now)]


async def first(pool: asyncpg.Pool, name: str, now: datetime, limit: int) -> list[Held]:
    """The holds of a pool that go first, by tier and age, and those whose next try is due."""
    return [Held(**dict(row)) for row in await pool.fetch(sql.HELD, name, limit, now)]
