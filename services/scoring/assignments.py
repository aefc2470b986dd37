"""AssignmentChanged in: which lead an assignment is of, for tools that know nothing else of it;
and who has it, for whoever is told of signals."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import asyncpg

from schemas.assignment import AssignmentChanged
from services.runtime import erasure
from services.runtime.records import Output, Record
from services.scoring.names import Name
from services.scoring.store import around, leads, owners


class Assignments:
    """The handler."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def handle(self, records: Sequence[Record[AssignmentChanged]]) -> Sequence[Output]:
        """Learn the ids, and have leads scored again whose activities waited for one."""
        async with self._pool.acquire() as conn, conn.transaction():
            records = await erasure.without_erased(conn, "scoring", records)
            names = [Name(one.event.assignment_id, one.event.lead_id) for one in records]
            await owners.keep(conn, [one.event for one in records])
            if found := await around.register(conn, names, ()):
                await leads.mark(conn, found, (), timedelta())
        return ()
