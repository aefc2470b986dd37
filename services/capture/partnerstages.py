"""The stages that read partners' topics: as many as the configuration in force names."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from schemas.topics import TopicSpec
from services.runtime.broker import LaneBroker
from services.runtime.logs import describe

log = structlog.get_logger(__name__)

LOOK_S: Final = 0.25
_REST_S: Final = 30.0
"""Before a stage that took itself down tries again: what a partner sends may be mended then."""


class PartnerStages:
    """Starts and stops a broker of its own for each partner.

    So one whose topic is missing, or full of nonsense, stops neither another nor the process, and
    a published configuration counts without a restart.
    """

    def __init__(
        self,
        wanted: Callable[[], Sequence[TopicSpec]],
        make: Callable[[TopicSpec], LaneBroker],
    ) -> None:
        self._wanted = wanted
        self._make = make
        self._running: dict[TopicSpec, LaneBroker] = {}
        self._resting: dict[TopicSpec, float] = {}

    async def run(self) -> None:
        """Follow the configuration, for ever."""
        while True:
            await self.follow()
            await asyncio.sleep(LOOK_S)

    async def follow(self) -> None:
        """Stop what is no longer wanted or has failed, start what is new."""
        wanted, now = set(self._wanted()), time.monotonic()
        over = [t for t, b in self._running.items() if t not in wanted or b.failed.is_set()]
        for topic in over:
            if topic in wanted:
                self._resting[topic] = now + _REST_S
            log.info("partner.stopped", topic=topic.name, reason=self._running[topic].reason)
        await asyncio.gather(*(self._running.pop(topic).stop() for topic in over))
        rested = {topic for topic in wanted if self._resting.get(topic, now) <= now}
        new = sorted(rested - self._running.keys(), key=lambda topic: topic.name)
        for topic in new:
            log.info("partner.started", topic=topic.name)
            self._running[topic] = self._make(topic)
        starts = [self._running[topic].start() for topic in new]
        for topic, failed in zip(
            new, await asyncio.gather(*starts, return_exceptions=True), strict=True
        ):
            if isinstance(failed, Exception):
                log.error("partner.failed", topic=topic.name, **describe(failed))
                self._running[topic].failed.set()

    async def ready(self) -> str | None:
        """None when every partner's topic is read; else one sentence."""
        for topic in self._wanted():
            broker = self._running.get(topic)
            if broker is None or (why := broker.ready()) is not None:
                return f"{topic.name}: {why if broker else 'is not read yet'}"
        return None

    async def stop(self) -> None:
        """Drain all of them."""
        await asyncio.gather(*(broker.stop() for broker in self._running.values()))
