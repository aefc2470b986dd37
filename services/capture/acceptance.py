"""The promise behind a 200: Kafka has acknowledged the submission, or Postgres has stored it.

Nothing here waits without bound: at most 1.1 s for Kafka and then 0.9 s for Postgres, however many
items a request has. No dedupe state is written before the submission is durable.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import asyncpg

from schemas.base import Lane
from schemas.submission import KeyKind, SubmissionReceived
from services.capture.events import submission_output
from services.capture.kafka_gate import KafkaDown, KafkaGate
from services.capture.recent import RecentDeliveries
from services.capture.relay import Relay
from services.capture.repeats import LIFETIMES, Delivered, Delivery, compare
from services.capture.spool import Spool, SpoolDown
from services.capture.store import deliveries
from services.runtime.database import is_infrastructure
from services.runtime.metrics import Metrics
from services.runtime.records import Output

KAFKA_TIMEOUT_S: Final = 1.1
_LOOK_UP_S: Final = 0.2
_NO_LOOK_UP_S: Final = 2.0
"""How long nothing is looked up after Postgres has failed to answer."""


class BothDown(Exception):
    """Neither Kafka nor Postgres took the submission in time."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of one submission."""

    submission_id: UUID
    duplicate: bool


class Acceptance:
    """Makes submissions durable."""

    def __init__(
        self,
        gates: Mapping[Lane, KafkaGate],
        spool: Spool,
        relay: Relay,
        recent: RecentDeliveries,
        pool: asyncpg.Pool,
        metrics: Metrics,
    ) -> None:
        self._gates = gates
        self._spool = spool
        self._relay = relay
        self._recent = recent
        self._pool = pool
        self._metrics = metrics
        self._no_look_up_until = float("-inf")

    async def known(
        self, source: str, delivery_key: str, kind: KeyKind, now: float
    ) -> Delivered | None:
        """What was durably delivered under a key, as far as that is known here.

        Only a client's own idempotency key is worth a query: it asked to be told of a conflict.
        Everything else that is not in memory is accepted again, and the consumer decides.
        """
        found = self._recent.get(source, delivery_key, now)
        if found is not None or kind is not KeyKind.IDEMPOTENCY_KEY or self._recent.complete:
            return found
        return await self._look_up(source, delivery_key, now)

    async def accept_all(
        self, events: Sequence[SubmissionReceived], traceparent: str | None
    ) -> list[Accepted]:
        """Make the submissions of one request durable, all of them or none; in their order.

        What is known to be durable already is a duplicate and is not stored again.

        :raises BothDown: some may be durable none the less; the sender must come again.
        :raises SpoolFull: with the in-process broker, while too much is unfinished.
        """
        answers: dict[UUID, Accepted] = {}
        fresh: dict[UUID, tuple[SubmissionReceived, Output]] = {}
        for event in events:
            if durable := self._retried(event):
                answers[event.submission_id] = Accepted(durable, duplicate=True)
            else:
                output = submission_output(event, traceparent)
                fresh[event.submission_id] = (event, output)
        for lane in Lane:
            if ours := [pair for pair in fresh.values() if pair[0].lane is lane]:
                for accepted in await self._accept(lane, ours):
                    answers[accepted.submission_id] = accepted
        return [answers[event.submission_id] for event in events]

    def _retried(self, event: SubmissionReceived) -> UUID | None:
        """The submission that this is known to repeat, from memory alone."""
        known = self._recent.get(event.source, event.delivery_key, event.received_at.timestamp())
        if known and compare(known, event.body_sha256) is Delivery.RETRY:
            return known.submission_id
        return None

    async def _accept(
        self, lane: Lane, fresh: Sequence[tuple[SubmissionReceived, Output]]
    ) -> list[Accepted]:
        outputs = [output for _, output in fresh]
        if not self._spool.first:
            try:
                await self._gates[lane].publish(outputs, KAFKA_TIMEOUT_S)
            except KafkaDown:
                pass
            else:
                return [self._accepted(event, "kafka", False) for event, _ in fresh]
        try:
            stored = await self._spool.put_all(fresh)
        except SpoolDown as error:
            raise BothDown(str(error)) from error
        if self._spool.first:
            for output, new in zip(outputs, stored, strict=True):
                if new:
                    self._relay.hand_over(lane, output)
        return [
            self._accepted(event, "spool", not new)
            for (event, _), new in zip(fresh, stored, strict=True)
        ]

    def _accepted(self, event: SubmissionReceived, stored: str, duplicate: bool) -> Accepted:
        expires_at = event.received_at + LIFETIMES[event.delivery_key_kind]
        self._recent.add(
            event.source,
            event.delivery_key,
            Delivered(event.submission_id, event.body_sha256),
            expires_at.timestamp(),
            event.received_at.timestamp(),
        )
        self._metrics.accepted.labels(event.source, stored).inc()
        return Accepted(event.submission_id, duplicate)

    async def _look_up(self, source: str, delivery_key: str, now: float) -> Delivered | None:
        if time.monotonic() < self._no_look_up_until:
            return None
        # A task of its own: a statement that hangs must not hold the answer back.
        task = asyncio.create_task(deliveries.find(self._pool, source, delivery_key))
        done, _ = await asyncio.wait((task,), timeout=_LOOK_UP_S)
        if not done:
            task.cancel()
            task.add_done_callback(lambda late: late.cancelled() or late.exception())
            self._no_look_up_until = time.monotonic() + _NO_LOOK_UP_S
            return None
        try:
            stored = task.result()
        except Exception as error:
            if not is_infrastructure(error):
                raise
            self._no_look_up_until = time.monotonic() + _NO_LOOK_UP_S
            return None
        if stored is None:
            return None
        self._recent.add(source, delivery_key, stored.delivered, stored.expires_at.timestamp(), now)
        return stored.delivered
