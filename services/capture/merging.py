"""Follows assignments: where a lead was merged, its identities are the survivor's from then on.

Whatever was on its way is told apart by routing, which knows first.
"""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from schemas.assignment import AssignmentChanged
from services.capture.store import people
from services.runtime.records import Record


class Merging:
    """Carries merges over to capture's people."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def follow(self, records: Sequence[Record[AssignmentChanged]]) -> None:
        """Give the survivors what was the others'; repeated, it changes nothing."""
        pairs = [
            (record.event.lead_id, record.event.merged_into)
            for record in records
            if record.event.merged_into is not None
        ]
        for merged, survivor in pairs:
            async with self._pool.acquire() as connection, connection.transaction():
                await people.merge(connection, merged, survivor)
