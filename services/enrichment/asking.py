"""One question, one payment: kept answers, one flight for all processes, money put aside first.

A question is begun in one transaction (a kept answer? somebody else asking it? money left?) and
ended in another (the ledger, the kept answer). Between the two nothing is held but a lease: a
process that dies in the middle leaves its money put aside, because it may have been paid.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from uuid import UUID

import structlog

from schemas.base import Lane, Provenance
from services.enrichment import store
from services.enrichment.config import EnrichmentConfig
from services.enrichment.few import Few
from services.enrichment.late import addressed
from services.enrichment.money import at_most, cost_of, endpoint_of, limits
from services.enrichment.providers.contract import Answer, Endpoint, Outcome, Question
from services.enrichment.providers.registry import Providers
from services.enrichment.settle import Job
from services.runtime.metrics import Metrics

log = structlog.get_logger(__name__)

Values = Mapping[str, Provenance]

_LEASE_MARGIN_S: Final = 5.0
_LOOK_S: Final = 0.02
_LOOK_MOST_S: Final = 0.25
_MAY_COME: Final = (Outcome.LATER, Outcome.ERROR)


@dataclass(frozen=True, slots=True)
class Asker:
    """For whom a question is asked."""

    lead_id: UUID
    lane: Lane
    urgency: int
    job: Job
    """What goes on once an answer comes that was promised for later."""


class Asking:
    """Asks for both lanes of a process."""

    def __init__(self, providers: Providers, metrics: Metrics, now: Callable[[], datetime]) -> None:
        self._providers = providers
        self._metrics = metrics
        self._now = now
        self._flights: dict[tuple[str, str], asyncio.Task[Values]] = {}

    async def ask(
        self, few: Few, config: EnrichmentConfig, question: Question, asker: Asker
    ) -> Values:
        """What is known about the question; empty for a miss and for a fault.

        Looking up, asking and keeping are one flight: between two of them nobody asks again.
        """
        key = (question.provider, question.key)
        flight = self._flights.get(key)
        if flight is None:
            flight = asyncio.create_task(self._fly(few, config, question, asker))
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
        self, few: Few, config: EnrichmentConfig, question: Question, asker: Asker
    ) -> Values:
        endpoint = endpoint_of(config, question)
        if endpoint is None:
            return {}
        begun = await self._begin(few, config, question, endpoint, asker)
        match begun:
            case store.Kept():
                return begun.values
            case store.Stopped():
                self._tell(question, Answer(Outcome.BUDGET_STOP, detail="the day's money is spent"))
                return {}
            case store.Began():
                return await self._put(few, config, question, endpoint, asker, begun)

    async def _begin(
        self,
        few: Few,
        config: EnrichmentConfig,
        question: Question,
        endpoint: Endpoint,
        asker: Asker,
    ) -> store.Kept | store.Stopped | store.Began:
        """Wait for whoever asks the same elsewhere; then answered, too dear, or ours to ask."""
        settings = config.providers[question.provider]
        lease = settings.timeout_ms / 1000 + _LEASE_MARGIN_S
        order = store.Order(
            question, asker.lead_id, asker.lane, at_most(endpoint),
            limits(config, question.provider), lease,
        )  # fmt: skip
        wait = _LOOK_S
        while True:
            async with few.transaction(asker.urgency) as conn:
                begun = await store.begin(conn, order)
            if not isinstance(begun, store.Elsewhere):
                return begun
            await asyncio.sleep(wait)
            wait = min(wait * 1.5, _LOOK_MOST_S)

    async def _put(
        self,
        few: Few,
        config: EnrichmentConfig,
        question: Question,
        endpoint: Endpoint,
        asker: Asker,
        begun: store.Began,
    ) -> Values:
        if endpoint.late is not None:
            question = await self._expect(few, question, endpoint, asker, begun)
        answer = await self._providers.ask(config, question, urgency=asker.urgency)
        self._tell(question, answer)
        if endpoint.late is not None and answer.outcome in _MAY_COME:
            await self._promised(few, question, asker, begun, answer)
            return {}
        provider = config.providers[question.provider]
        matched = answer.outcome is Outcome.MATCHED
        days = provider.keep_days if matched else provider.keep_miss_days
        fresh_for = timedelta(days=days)
        cost = cost_of(endpoint, answer.outcome)
        async with few.transaction(asker.urgency) as conn:
            known = await store.end(conn, begun, question, answer.outcome, cost)
            if endpoint.late is not None:
                await store.withdraw(conn, begun.call)
            if answer.keepable and fresh_for and known:
                asked = (question.provider, question.key)
                await store.keep(conn, asked, answer.outcome, answer.values, self._now(), fresh_for)
        return answer.values

    async def _expect(
        self, few: Few, question: Question, endpoint: Endpoint, asker: Asker, begun: store.Began
    ) -> Question:
        """Before it is asked: a vendor may bring its answer before it has answered us.

        From then on it counts as asked. A process that dies in the middle leaves it so.
        """
        assert endpoint.late is not None
        asked, token = addressed(question, endpoint)
        patience = endpoint.late.patience
        async with few.transaction(asker.urgency) as conn:
            await store.expect(conn, token, begun.call, asked, asker.job, patience)
            key = (question.provider, question.key)
            await store.keep(conn, key, Outcome.LATER, {}, self._now(), patience)
        return asked

    async def _promised(
        self,
        few: Few,
        question: Question,
        asker: Asker,
        begun: store.Began,
        answer: Answer,
    ) -> None:
        """The answer is to come. Until then the money stays put aside, and nobody asks again.

        A request that failed may have reached the vendor, so what it brings is taken too.
        """
        async with few.transaction(asker.urgency) as conn:
            if answer.outcome is Outcome.ERROR:
                await store.end(conn, begun, question, answer.outcome, 0)
                await store.doubt(conn, question)
                return
            await store.refer(conn, begun.call, answer.reference)
            await store.land(conn, question)

    def _tell(self, question: Question, answer: Answer) -> None:
        self._metrics.provider_calls.labels(question.provider, answer.outcome.value).inc()
        if answer.detail:
            log.info(
                "provider_answered",
                provider=question.provider,
                code=answer.outcome.value,
                reason=answer.detail,
            )
