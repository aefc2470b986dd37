"""One question, one payment: answers are kept, and who asks the same at once shares the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial

import asyncpg
import structlog

from schemas.base import Provenance
from services.enrichment import store
from services.enrichment.config import EnrichmentConfig, Outcome
from services.enrichment.plan import Question
from services.enrichment.providers.base import Answer
from services.enrichment.providers.registry import Providers
from services.runtime.metrics import Metrics

log = structlog.get_logger(__name__)

Values = Mapping[str, Provenance]


class Asking:
    """Asks for both lanes of a process."""

    def __init__(self, providers: Providers, metrics: Metrics, now: Callable[[], datetime]) -> None:
        self._providers = providers
        self._metrics = metrics
        self._now = now
        self._flights: dict[tuple[str, str], asyncio.Task[Values]] = {}

    async def ask(self, pool: asyncpg.Pool, config: EnrichmentConfig, question: Question) -> Values:
        """What is known about the question; empty for a miss and for a fault.

        Looking up, asking and keeping are one flight: between two of them nobody asks again.
        """
        key = (question.provider, question.key)
        flight = self._flights.get(key)
        if flight is None:
            flight = asyncio.create_task(self._fly(pool, config, question))
            self._flights[key] = flight
            flight.add_done_callback(partial(self._landed, key))
        # Whoever gives up must not take the answer from the others who wait for it.
        return await asyncio.shield(flight)

    async def close(self) -> None:
        """Give up what is open."""
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)
        await self._providers.close()

    def _landed(self, key: tuple[str, str], flight: asyncio.Task[Values]) -> None:
        self._flights.pop(key, None)
        if not flight.cancelled():
            flight.exception()  # seen by whoever waited, and by nobody where all had given up

    async def _fly(
        self, pool: asyncpg.Pool, config: EnrichmentConfig, question: Question
    ) -> Values:
        async with pool.acquire() as conn:
            kept = await store.answers(conn, [question])
        if (found := kept.get((question.provider, question.key))) is not None:
            return found
        answer = await self._providers.ask(config, question)
        self._tell(question, answer)
        if answer.keepable:
            await self._keep(pool, config, question, answer)
        return answer.values

    async def _keep(
        self, pool: asyncpg.Pool, config: EnrichmentConfig, question: Question, answer: Answer
    ) -> None:
        provider = config.providers[question.provider]
        matched = answer.outcome is Outcome.MATCHED
        fresh_for = timedelta(days=provider.keep_days if matched else provider.keep_miss_days)
        async with pool.acquire() as conn:
            await store.keep(conn, question, answer.outcome, answer.values, self._now(), fresh_for)

    def _tell(self, question: Question, answer: Answer) -> None:
        self._metrics.provider_calls.labels(question.provider, answer.outcome.value).inc()
        if answer.detail:
            log.info(
                "provider_answered",
                provider=question.provider,
                code=answer.outcome.value,
                reason=answer.detail,
            )
