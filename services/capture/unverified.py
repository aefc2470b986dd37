"""The bytes of requests that proved nothing: kept for a week, bounded, never in the sender's way.

A wrong secret in our own configuration looks like an attack. So what was refused can be released
once the secret is mended.
"""

from __future__ import annotations

import asyncio
from typing import Final
from uuid import uuid4

import asyncpg
import structlog

from schemas import topics
from schemas.submission import Disposition, SubmissionQuarantined, SubmissionReceived
from services.capture.events import SERVICE
from services.capture.interpret import BAD_SIGNATURE
from services.capture.store import quarantine
from services.runtime.database import is_infrastructure
from services.runtime.outbox import Outbox
from services.runtime.records import output

log = structlog.get_logger(__name__)

_WAITING: Final = 100


class Unverified:
    """A bounded queue in front of the quarantine table; what does not fit is only counted."""

    def __init__(self, pool: asyncpg.Pool, outbox: Outbox) -> None:
        self._pool = pool
        self._outbox = outbox
        self._queue: asyncio.Queue[tuple[SubmissionReceived, str]] = asyncio.Queue(_WAITING)
        self.dropped = 0

    def keep(self, submission: SubmissionReceived, why: str) -> None:
        """Keep a refused request if there is room; never waits."""
        try:
            self._queue.put_nowait((submission, why))
        except asyncio.QueueFull:
            self.dropped += 1

    async def run(self) -> None:
        """Store what comes, for ever."""
        while True:
            submission, why = await self._queue.get()
            try:
                await self._store(submission, why)
            except Exception as error:
                if not is_infrastructure(error):
                    raise
                self.dropped += 1
                log.warning("unverified.dropped", source=submission.source, dropped=self.dropped)

    async def _store(self, submission: SubmissionReceived, why: str) -> None:
        event = SubmissionQuarantined(
            quarantine_id=uuid4(),
            submission_id=None,
            causation_id=None,
            source=submission.source,
            disposition=Disposition.QUARANTINED,
            reason=BAD_SIGNATURE,
            detail=f"the request was refused: {why}",
            submission=submission,
        )
        out = output(
            topics.QUARANTINE,
            submission.delivery_key,
            event,
            event_id=event.quarantine_id,
            service=SERVICE,
            at=submission.received_at,
        )
        async with self._pool.acquire() as conn, conn.transaction():
            if not await quarantine.room_for_unverified(conn, submission.source):
                self.dropped += 1
                return
            await quarantine.keep(conn, [event])
            stored = await self._outbox.store(conn, [out])
        await self._outbox.release(stored)
