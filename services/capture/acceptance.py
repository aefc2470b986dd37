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
from prometheus_client import Counter

from schemas.base import Lane
from schemas.submission import KeyKind, SubmissionReceived
from services.capture.handed import Handed, submission
from services.capture.kafka_gate import KafkaDown, KafkaGate
from services.capture.recent import RecentDeliveries
from services.capture.relay import Relay
from services.capture.repeats import Delivered, Delivery, compare
from services.capture.spool import Spool, SpoolDown
from services.capture.store import deliveries
from services.runtime.database import is_infrastructure
from services.runtime.metrics import Metrics

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
        self._bound: dict[tuple[bool, str, str], Counter] = {}

    async def known(
        self, source: str, delivery_key: str, kind: KeyKind, now: float
    ) -> Delivered | None:
        """What was durably delivered under a key, as far as that is known here.

        Only a client's own idempotency key is worth a query: it asked to be told of a conflict.
        Everything else that is not in memory is accepted again, and the consumer decides.
        """
        found = self.remembered(source, delivery_key, now)
        if found is not None or kind is not KeyKind.IDEMPOTENCY_KEY or self._recent.complete:
            return found
        return await self._look_up(source, delivery_key, now)

    def remembered(self, source: str, delivery_key: str, now: float) -> Delivered | None:
        """The same from memory alone."""
        return self._recent.get(source, delivery_key, now)

    async def accept_all(
        self, events: Sequence[SubmissionReceived], traceparent: str | None
    ) -> list[Accepted]:
        """Make the submissions of one request durable; see :meth:`accept`."""
        return await self.accept([submission(event, traceparent) for event in events])

    async def accept(self, inputs: Sequence[Handed]) -> list[Accepted]:
        """Make the inputs of one request durable, all of them or none; in their order.

        What is known to be durable already is a duplicate and is not stored again.

        :raises BothDown: some may be durable none the less; the sender must come again.
        :raises SpoolFull: with the in-process broker, while too much is unfinished.
        """
        if len(inputs) == 1:  # what nearly every request has
            [only] = inputs
            if durable := self._retried(only):
                return [Accepted(durable, duplicate=True)]
            return await self._accept(only.lane, inputs)
        answers: dict[UUID, Accepted] = {}
        fresh: dict[UUID, Handed] = {}
        for one in inputs:
            if durable := self._retried(one):
                answers[one.id] = Accepted(durable, duplicate=True)
            else:
                fresh[one.id] = one
        for lane in Lane:
            if ours := [one for one in fresh.values() if one.lane is lane]:
                for accepted in await self._accept(lane, ours):
                    answers[accepted.submission_id] = accepted
        return [answers[one.id] for one in inputs]

    def _retried(self, one: Handed) -> UUID | None:
        """The submission that this is known to repeat, from memory alone."""
        known = self.remembered(one.scope, one.delivery_key, one.received_at.timestamp())
        if known and compare(known, one.digest) is Delivery.RETRY:
            return known.submission_id
        return None

    async def _accept(self, lane: Lane, fresh: Sequence[Handed]) -> list[Accepted]:
        if not self._spool.first:
            try:
                await self._gates[lane].publish([one.output for one in fresh], KAFKA_TIMEOUT_S)
            except KafkaDown:
                pass
            else:
                return [self._accepted(one, "kafka", False) for one in fresh]
        try:
            stored = await self._spool.put(fresh)
        except SpoolDown as error:
            raise BothDown(str(error)) from error
        if self._spool.first:
            for one, new in zip(fresh, stored, strict=True):
                if new:
                    self._relay.hand_over(lane, one.output)
        return [
            self._accepted(one, "spool", not new) for one, new in zip(fresh, stored, strict=True)
        ]

    def _accepted(self, one: Handed, stored: str, duplicate: bool) -> Accepted:
        self._recent.add(
            one.scope,
            one.delivery_key,
            Delivered(one.id, one.digest),
            one.expires_at.timestamp(),
            one.received_at.timestamp(),
        )
        self._counter(one, stored).inc()
        return Accepted(one.id, duplicate)

    def _counter(self, one: Handed, stored: str) -> Counter:
        name = one.scope if one.ends else one.output.topic
        bound = self._bound.get((one.ends, name, stored))
        if bound is None:
            every = self._metrics.accepted if one.ends else self._metrics.events_accepted
            bound = self._bound[one.ends, name, stored] = every.labels(name, stored)
        return bound

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
