"""Looks at a running subscriber twice a second: lag, batch line, watchdog. Off the hot path."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import IllegalStateError, KafkaError

from services.runtime.stage.watchdog import PATIENCE_S, Signs, suspicious, verdict

if TYPE_CHECKING:
    from services.runtime.stage.subscriber import StageSubscriber

PERIOD_S: Final = 0.5
SILENCE_S: Final = 5.0
"""So long without an answer to a fetch, and the stage waits for Kafka, even if it has no work."""
_POSITION_TIMEOUT_S: Final = 0.2


class Observer:
    """Of one subscriber."""

    def __init__(
        self,
        subscriber: StageSubscriber,
        broker_answers: Callable[[], Awaitable[bool]],
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._subscriber = subscriber
        self._broker_answers = broker_answers
        self._patience_s = patience_s
        self._behind_since: float | None = None
        self._unheard_at = float("-inf")

    async def run(self) -> None:
        """Until cancelled, or until the stage was found stuck and taken down."""
        while self._subscriber.running:
            await asyncio.sleep(PERIOD_S)
            if (reason := await self.look()) is not None:
                self._subscriber.fail(f"{self._subscriber.runner.spec.name} is stuck: {reason}")
                return

    async def look(self) -> str | None:
        """One round; the reason why the stage counts as stuck, or None."""
        sub = self._subscriber
        await self._measure_backlog()
        sub.runner.telemetry.lag(self._lag_s())
        sub.runner.telemetry.batch_line()
        signs = self.signs()
        sub.broker_silent = signs.fetch_age_s is not None and signs.fetch_age_s > SILENCE_S
        sub.runner.telemetry.shown(sub.waiting_for)
        if not sub.broker_silent and not suspicious(signs, time.monotonic(), self._patience_s):
            return None
        if not (answers := await self._broker_answers()):
            self._unheard_at = time.monotonic()
        # A broker that has just come back does not make its absence the stage's fault: patience
        # begins anew. And what was suspicious may have moved while the broker was asked.
        now = time.monotonic()
        heard = answers and now - self._unheard_at > self._patience_s
        return verdict(self.signs(), now, heard, self._patience_s)

    def signs(self) -> Signs:
        sub = self._subscriber
        return Signs(
            beat_at=sub.beat_at,
            working=bool(sub.at_hand),
            retrying=sub.retrying,
            behind_since=self._behind_since,
            fetch_age_s=self._fetch_age_s(),
        )

    def _lag_s(self) -> float:
        """Age of the oldest unfinished record that is known here."""
        at_hand = self._subscriber.at_hand
        if at_hand:
            oldest: int = min(raw.timestamp for raw in at_hand)
            return max(0.0, time.time() - oldest / 1000)
        return 0.0 if self._behind_since is None else time.monotonic() - self._behind_since

    async def _measure_backlog(self) -> None:
        sub = self._subscriber
        consumer = sub.consumer
        if consumer is None or not sub.joined or not await _behind(consumer):
            self._behind_since = None
            return
        moved_at = sub.taken_at
        if self._behind_since is None:
            self._behind_since = time.monotonic()
        elif self._behind_since < moved_at:
            self._behind_since = moved_at

    def _fetch_age_s(self) -> float | None:
        sub = self._subscriber
        consumer = sub.consumer
        if consumer is None or not sub.joined or sub.paused:
            return None
        oldest = None
        with contextlib.suppress(IllegalStateError):  # a rebalance between the two calls
            for partition in consumer.assignment():
                answered = consumer.last_poll_timestamp(partition)
                if answered and (oldest is None or answered < oldest):
                    oldest = answered
        return None if oldest is None else time.time() - oldest / 1000


async def _behind(consumer: AIOKafkaConsumer) -> bool:
    """Whether the consumer knows of records that it has not handed out."""
    try:
        async with asyncio.timeout(_POSITION_TIMEOUT_S):
            for partition in consumer.assignment():
                end = consumer.highwater(partition)
                if end is not None and end > await consumer.position(partition):
                    return True
    except (IllegalStateError, KafkaError):
        return False  # a rebalance is on; the poll reports what is wrong
    except TimeoutError:
        return True  # it cannot say where it stands
    return False
