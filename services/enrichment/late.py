"""Answers that a vendor brings later, to an address that was made for one question.

The address is all the proof there is: it ends with 256 random bits, of which a hash is stored, and
lives as long as the answer is waited for. What comes is read as distrustfully as any answer, is
taken once, and becomes a late revision of the lead.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, cast

import asyncpg
import structlog

from schemas.base import Lane
from services.enrichment import store
from services.enrichment.config import EnrichmentConfig
from services.enrichment.money import cost_of
from services.enrichment.providers.catalog import endpoints_of
from services.enrichment.providers.contract import Answer, Endpoint, Outcome, Question
from services.enrichment.providers.reading import read
from services.enrichment.settle import settle
from services.enrichment.settling import stored
from services.runtime.database import Connection
from services.runtime.metrics import Metrics
from services.runtime.outbox import Outbox
from services.runtime.records import Output

log = structlog.get_logger(__name__)

PATH: Final = "/callbacks"
_OVER_AT_ONCE: Final = 500


class Unexpected(ValueError):
    """Nobody waits for such an answer, or not any more."""


class Unreadable(ValueError):
    """The answer cannot be used; the message says why, without a value of it."""


@dataclass(frozen=True, slots=True)
class _Read:
    answer: Answer
    endpoint: Endpoint
    fresh_for: timedelta


def addressed(question: Question, endpoint: Endpoint) -> tuple[Question, bytes]:
    """The question with an address of its own, and the hash by which that is known again."""
    assert endpoint.late is not None
    token = secrets.token_urlsafe(32)
    address = f"{endpoint.late.address}{PATH}/{token}"
    return replace(question, callback=address), hashed(token)


def hashed(token: str) -> bytes:
    """What is stored of a token."""
    return hashlib.sha256(token.encode()).digest()


class Late:
    """Takes answers of both lanes."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        outboxes: Mapping[Lane, Outbox],
        config: Callable[[], EnrichmentConfig],
        metrics: Metrics,
        now: Callable[[], datetime],
    ) -> None:
        self._pool = pool
        self._outboxes = outboxes
        self._config = config
        self._metrics = metrics
        self._now = now

    async def take(self, token: str, document: Any) -> bool:
        """Whether it was new; a repeat changes nothing.

        :param document: the parsed JSON.
        :raises Unexpected: nobody waits for it.
        :raises Unreadable: it cannot be used; it is waited for all the same.
        """
        outputs: list[Output] = []
        async with self._pool.acquire() as proxy, proxy.transaction():
            conn = cast(asyncpg.Connection, proxy)
            promise = await store.promise(conn, hashed(token))
            if promise is None:
                raise Unexpected("nobody waits for this answer, or not any more")
            if promise.job is None:
                return False
            found = self._read(promise, document)
            outputs = await self._settle(conn, promise, found.answer)
            await self._enter(conn, promise, found)
            await store.kept(conn, hashed(token))
        await self._outboxes[promise.lane].release(outputs)
        self._count(promise.provider, found.answer.outcome)
        return True

    async def forget(self) -> None:
        """Give up what was waited for long enough: it may have been paid, so the money is gone."""
        async with self._pool.acquire() as conn, conn.transaction():
            over = await store.overdue(conn, _OVER_AT_ONCE)
            for call, provider in over:
                await store.end_late(conn, call, provider, Outcome.ERROR, None)
        for call, provider in over:
            log.warning("answer.never_came", provider=provider, call=call)
            self._count(provider, Outcome.ERROR)

    def _read(self, promise: store.Promise, document: Any) -> _Read:
        settings = self._config().providers.get(promise.provider)
        endpoint = endpoints_of(settings).get(promise.endpoint) if settings else None
        if settings is None or endpoint is None or endpoint.late is None:
            raise Unexpected("nobody is asked for this any more")
        told, about = endpoint.late.read, promise.reference
        answer = read(
            document,
            replace(endpoint, read=lambda found, _: told(found, about)),
            Question(promise.provider, promise.endpoint, {}),
            confidence=settings.confidence,
            at=self._now(),
        )
        if not answer.keepable:
            raise Unreadable(answer.detail or "it says nothing that can be used")
        matched = answer.outcome is Outcome.MATCHED
        days = settings.keep_days if matched else settings.keep_miss_days
        return _Read(answer, endpoint, timedelta(days=days))

    async def _settle(
        self, conn: asyncpg.Connection, promise: store.Promise, answer: Answer
    ) -> list[Output]:
        """The lead with what was brought; nothing to publish where it changes nothing."""
        job = promise.job
        assert job is not None
        if not answer.values:
            return []
        states = await store.lock(conn, {job.lead_id: job.event.lead.account_key}, {})
        # Where others are still being asked, theirs is the revision that is due.
        waiting = await store.open_jobs(conn, [job.input_id]) or [(job, True)]
        found = settle(
            self._config(), states, waiting, answer.values, at=self._now(), over=False, last=False
        )
        return await stored(conn, self._outboxes[promise.lane], found)

    async def _enter(self, conn: Connection, promise: store.Promise, found: _Read) -> None:
        """The ledger, and the answer for whoever asks the same."""
        answer = found.answer
        cost = cost_of(found.endpoint, answer.outcome)
        await store.end_late(conn, promise.call, promise.provider, answer.outcome, cost)
        asked = (promise.provider, promise.question)
        await store.keep(conn, asked, answer.outcome, answer.values, self._now(), found.fresh_for)

    def _count(self, provider: str, outcome: Outcome) -> None:
        self._metrics.provider_calls.labels(provider, outcome.value).inc()
