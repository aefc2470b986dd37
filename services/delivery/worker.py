"""The worker of one sink: leases what is due, sends it, writes down what came of it.

Sinks do not know of each other: each has its own lease loop, rate limit, breaker and time-outs, so
one that hangs delays nobody else. A worker that dies leaves leases that run out; what it may have
sent by then is sent once more, and counted.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
import structlog
from aiolimiter import AsyncLimiter
from purgatory import AsyncCircuitBreakerFactory
from purgatory.domain.model import OpenedState

from schemas.assignment import AssignmentChanged
from services.delivery import policy
from services.delivery.composing import owner_is_unread, subject
from services.delivery.config import Sink as SinkConfig
from services.delivery.config import SlackSink
from services.delivery.consent import barred
from services.delivery.following import Following
from services.delivery.leases import Leases
from services.delivery.model import (
    Again,
    Delivered,
    Delivery,
    Disabled,
    Later,
    Outcome,
    Owned,
    Refused,
    Skipped,
    State,
)
from services.delivery.pace import Turns
from services.delivery.sinks.base import Message, Sink
from services.delivery.store import current, deliveries, refusals, sinks
from services.runtime.database import Connection, is_infrastructure
from services.runtime.logs import describe
from services.runtime.metrics import Metrics
from services.runtime.outside import Forbidden
from services.runtime.records import Output

log = structlog.get_logger(__name__)

_IDLE_S: Final = 1.0
_GRACE_S: Final = 0.3
"""For calls that are under way when the worker stops."""

Compose = Callable[[Connection, Delivery, SinkConfig, str], Awaitable[Message]]
"""Makes the message of a delivery for the sink of that name."""


class _FailedError(Exception):
    """The sink failed as a whole: what its breaker counts."""

    def __init__(self, outcome: Again) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class Parts:
    """What every worker needs."""

    pool: asyncpg.Pool
    compose: Compose
    following: Following
    metrics: Metrics
    now: Callable[[], datetime]
    persons: Callable[[AssignmentChanged], Collection[UUID]]
    """By what the lead's person may have unsubscribed."""


class Worker:
    """Sends to one sink."""

    def __init__(self, name: str, config: SinkConfig, sink: Sink, parts: Parts) -> None:
        self.name = name
        self.config = config
        self._sink = sink
        self._parts = parts
        self._woken = asyncio.Event()
        self._leases = Leases(name, config.timeout_ms / 1000, parts.pool)
        # An increase is seen only from a first sample on.
        parts.metrics.delivery_dead_letters.labels(name)
        parts.metrics.deliveries_in_doubt.labels(name)
        self._limiter = AsyncLimiter(config.rate.calls, config.rate.seconds)
        paced = config.per_channel if isinstance(config, SlackSink) else None
        self._turns = None if paced is None else Turns(paced)
        self._breakers = AsyncCircuitBreakerFactory(
            default_threshold=config.breaker.failures,
            default_ttl=config.breaker.seconds,
            exclude=[asyncio.CancelledError],
        )

    def wake(self) -> None:
        """Something was stored."""
        self._woken.set()

    async def run(self) -> None:
        """Work until cancelled; then give the leases back."""
        tasks: set[asyncio.Task[None]] = set()
        try:
            while True:
                self._woken.clear()
                await self._leases.renew()
                for one in await self._lease():
                    task = asyncio.create_task(self._safely(one))
                    tasks.add(task)
                    task.add_done_callback(tasks.discard)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(min(_IDLE_S, self._leases.period_s)):
                        await self._woken.wait()
        finally:
            await self._end(list(tasks))

    async def _end(self, tasks: Collection[asyncio.Task[None]]) -> None:
        """What is under way may still end; what is cut off is sent once more."""
        if self._leases.sending:
            await asyncio.wait(tasks, timeout=_GRACE_S)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        cut_off = await self._leases.give_back()
        self._parts.metrics.deliveries_in_doubt.labels(self.name).inc(cut_off)

    async def _lease(self) -> list[Delivery]:
        free = min(self.config.concurrency, await self._admitted()) - len(self._leases)
        return await self._leases.take(free) if free > 0 else []

    async def _admitted(self) -> int:
        """How many may be on their way: none while the sink is left alone, then one that tries."""
        breaker = (await self._breakers.get_breaker(self.name)).context
        if breaker.state != "opened":
            return self.config.concurrency
        opened_at = breaker.opened_at or 0.0
        return 1 if time.time() > opened_at + self.config.breaker.seconds else 0

    async def _safely(self, it: Delivery) -> None:
        try:
            await self._one(it)
        except Exception as error:
            # The lease runs out, and another attempt is made.
            log.warning("delivery.failed", sink=self.name, attempt=it.attempt, **describe(error))
        # Not in a finally: what is cancelled keeps its lease until `run` gives it back.
        self._leases.drop(it)
        self._woken.set()

    async def _one(self, it: Delivery) -> None:
        began = time.perf_counter()
        try:
            outcome, detail = await self._try(it)
        except Exception as error:
            if is_infrastructure(error):
                raise
            # Ours, or an answer that nobody foresaw: tried as seldom, and as long, as any other.
            log.warning("delivery.failed", sink=self.name, attempt=it.attempt, **describe(error))
            detail = f"failed_{type(error).__name__}"
            outcome = Again(detail)
        if isinstance(outcome, Later):
            async with self._parts.pool.acquire() as conn:
                await deliveries.defer(conn, it, outcome.seconds)
            return
        await self._write_down(it, outcome, detail, time.perf_counter() - began)

    async def _try(self, it: Delivery) -> tuple[Outcome | Later, str]:
        async with self._parts.pool.acquire() as conn:
            if (needless := await self._needless(conn, it)) is not None:
                return Skipped(needless), needless
            age = self._parts.now() - it.created_at
            if age < self.config.give_up_after and await owner_is_unread(conn, it, self.config):
                return Later(policy.look_again(age)), ""
            if (wait := self._turn(it)) > 0:
                return Later(wait), ""
            message = await self._parts.compose(conn, it, self.config, self.name)
        await self._limiter.acquire()
        self._leases.send(it)
        outcome = await self._guarded(message)
        return outcome, getattr(outcome, "reason", None) or ""

    async def _needless(self, conn: Connection, it: Delivery) -> str | None:
        """Why there is nothing to deliver any more, or nobody may be told."""
        if it.farewell:
            return None
        known = await current.of_lead(conn, it.event.lead_id, it.event.role)
        since = await refusals.since(conn, self._parts.persons(it.event))
        needless = policy.needless(self.config, it, known) or barred(
            self.config, it.event, it.touch, since
        )
        if needless is None and it.touch is not None and await deliveries.over(conn, it):
            needless = "plan_ended"
        return needless

    def _turn(self, it: Delivery) -> float:
        """Seconds until the message may go, where others go to the same place."""
        place = policy.place_of(self.config, it)
        if self._turns is None or place is None:
            return 0.0
        return self._turns.wait(place, it.delivery_id, time.monotonic())

    async def _guarded(self, message: Message) -> Outcome:
        breaker = await self._breakers.get_breaker(self.name)
        try:
            async with breaker:
                return await self._send(message)
        except OpenedState as error:
            error.__traceback__ = None  # one instance is raised for ever: its frames would pile up
            return Again("left_alone", self.config.breaker.seconds)
        except _FailedError as error:
            return error.outcome

    async def _send(self, message: Message) -> Outcome:
        try:
            outcome = await self._sink.send(message)
        except Forbidden:
            return Refused("forbidden_address")
        except TimeoutError:
            # It may have arrived: a sink that knows no repeats will then have it twice.
            self._parts.metrics.deliveries_in_doubt.labels(self.name).inc()
            raise _FailedError(Again("no_answer")) from None
        except OSError:
            raise _FailedError(Again("unreachable")) from None
        if isinstance(outcome, Again):
            raise _FailedError(outcome)
        return outcome

    # -- what came of it -----------------------------------------------------------------------
    async def _write_down(
        self, it: Delivery, outcome: Outcome, detail: str, seconds: float
    ) -> None:
        requests: list[Output] = []
        given_up = False
        async with self._parts.pool.acquire() as conn, conn.transaction():
            await deliveries.note(conn, it, type(outcome).__name__.lower(), detail, seconds)
            match outcome:
                case Delivered(ref=ref, place=place, reason=reason):
                    if place is not None and not it.farewell:
                        about = subject(self.config, it.event)
                        await sinks.keep_place(conn, self.name, about, place, ref)
                    await deliveries.end(conn, it, State.DELIVERED, reason, ref)
                case Owned():
                    stored = await self._parts.following.store(conn, it, outcome)
                    reason = outcome.reason if stored is not None else "owner_unknown"
                    await deliveries.end(conn, it, State.SKIPPED, reason)
                    requests = stored or []
                case Skipped(reason=reason):
                    await deliveries.end(conn, it, State.SKIPPED, reason)
                case Refused(reason=reason):
                    given_up = await deliveries.end(conn, it, State.DEAD, reason)
                case Disabled(reason=reason):
                    await sinks.disable(conn, self.name, reason)
                    await deliveries.give_back(conn, [it])
                case Again():
                    given_up = await self._again(conn, it, outcome)
        await self._parts.following.release(requests)
        if given_up:
            self._parts.metrics.delivery_dead_letters.labels(self.name).inc()
        self._observe(it, outcome, seconds)

    async def _again(self, conn: Connection, it: Delivery, outcome: Again) -> bool:
        """Whether it is too old to be tried again."""
        if self._parts.now() - it.created_at > self.config.give_up_after:
            return await deliveries.end(conn, it, State.DEAD, outcome.reason)
        spread = random.random()  # noqa: S311  (spreads waits)
        wait = policy.wait(self.config, it.attempt, outcome.after_s, spread)
        await deliveries.put_off(conn, it, wait, outcome.reason)
        return False

    def _observe(self, it: Delivery, outcome: Outcome, seconds: float) -> None:
        metrics, kind = self._parts.metrics, type(outcome).__name__.lower()
        metrics.deliveries.labels(self.name, kind).inc()
        metrics.delivery_attempt.labels(self.name, kind).observe(seconds)
        if isinstance(outcome, Delivered):
            age = (self._parts.now() - it.event.received_at).total_seconds()
            if it.event.sequence == 1 and it.touch is None and not it.farewell:
                metrics.delivery_latency.labels(self.name).observe(max(0.0, age))
        if not isinstance(outcome, Delivered | Skipped | Owned):
            log.warning(
                "delivery.not_made",
                sink=self.name,
                kind=kind,
                reason=outcome.reason,
                attempt=it.attempt,
            )
