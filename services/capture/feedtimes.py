"""How long feeds have been silent: right over several processes, and through restarts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final

import asyncpg
import structlog

from services.capture.config import CaptureConfig, feeds
from services.capture.store import feeds as store
from services.runtime.database import is_infrastructure
from services.runtime.metrics import Metrics

log = structlog.get_logger(__name__)

SYNC_S: Final = 5.0


class FeedTimes:
    """Notes when feeds speak, and tells the metrics what all processes noted."""

    def __init__(
        self, pool: asyncpg.Pool, config: Callable[[], CaptureConfig], metrics: Metrics
    ) -> None:
        self._pool = pool
        self._config = config
        self._metrics = metrics
        self._heard: dict[str, datetime] = {}
        self._shown: set[str] = set()

    def heard(self, source: str, at: datetime) -> None:
        """A feed delivered something proven."""
        self._heard[source] = max(at, self._heard.get(source, at))

    async def run(self) -> None:
        """Store and read, for ever."""
        while True:
            try:
                await self.sync()
            except Exception as error:
                if not is_infrastructure(error):
                    raise
                log.warning("feeds.unknown", waiting_for="postgres", error=type(error).__name__)
            await asyncio.sleep(SYNC_S)

    async def sync(self) -> None:
        """Store what was heard here, and show what is known of every feed of the configuration."""
        heard = dict(self._heard)
        await store.told(self._pool, heard)
        for source, at in heard.items():
            if self._heard.get(source) == at:
                del self._heard[source]
        wanted = feeds(self._config())
        known = await store.read(self._pool)
        if missing := wanted.keys() - known.keys():
            await store.know(self._pool, missing)
            known = await store.read(self._pool)
        for source, stale_after in wanted.items():
            fresh_at = known[source].fresh_at.timestamp()
            self._metrics.feed_last_event.labels(source).set(fresh_at)
            self._metrics.feed_stale_after.labels(source).set(stale_after.total_seconds())
        for gone in self._shown - wanted.keys():
            # What is no longer configured must not go on being stale.
            self._metrics.feed_last_event.remove(gone)
            self._metrics.feed_stale_after.remove(gone)
        self._shown = set(wanted)
