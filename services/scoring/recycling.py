"""Brings disqualified leads back when their date comes: each as one outbound submission.

A submission, because only that opens a lead that routing has closed, and because every submission
has an end that can be accounted for. The profile and the drip then say when a rep gets it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final

import asyncpg
import structlog

from schemas.base import deterministic_id
from schemas.enrichment import LeadEnriched
from schemas.lead import Lead, Repeat
from services.runtime.database import is_infrastructure
from services.runtime.outbox import Outbox
from services.runtime.records import Output
from services.scoring.prospecting import prospect
from services.scoring.store import recycling as store
from services.scoring.store.recycling import Due

log = structlog.get_logger(__name__)

SOURCE: Final = "recycled"
"""Source of the submissions; ``lead.fields.recycled`` holds the reason of the disqualification."""
AT_ONCE: Final = 20
LOOK_S: Final = 1.0


class Recycler:
    """The worker of one process; several share the work."""

    def __init__(self, pool: asyncpg.Pool, outbox: Outbox, now: Callable[[], datetime]) -> None:
        self._pool = pool
        self._outbox = outbox
        self._now = now

    async def run(self) -> None:
        """Work for ever; while Postgres is away, wait for it."""
        while True:
            try:
                worked = await self.step()
            except Exception as error:
                if not is_infrastructure(error):
                    raise
                log.warning("recycler.waiting", waiting_for="postgres", error=type(error).__name__)
                worked = 0
            await asyncio.sleep(0 if worked == AT_ONCE else LOOK_S)

    async def step(self) -> int:
        """Bring a few back; how many there were."""
        now = self._now()
        async with self._pool.acquire() as conn, conn.transaction():
            due = await store.take(conn, now, AT_ONCE)
            stored = await self._outbox.store(conn, [returned(one, now) for one in due])
        await self._outbox.release(stored)
        return len(due)


def returned(due: Due, now: datetime) -> Output:
    """The submission by which a lead comes back: nothing new about the person."""
    known = LeadEnriched.read(due.latest)
    submission = deterministic_id("recycled", due.lead_id, due.recycle_at.isoformat())
    return prospect(
        Lead(
            lead_id=due.lead_id,
            account_key=due.account_key,
            email=known.lead.email,
            fields={"recycled": due.disqualified_for or "returned"},
        ),
        submission_id=submission,
        event_id=deterministic_id(submission, "captured"),
        causation_id=None,
        source=SOURCE,
        repeat=Repeat.RETURNING,
        touch=due.touches + 1,
        submitted_at=now,
        received_at=now,
        at=now,
    )
