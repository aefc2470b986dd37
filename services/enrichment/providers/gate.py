"""What stands between a question and a provider: turn, rate, pause, breaker, time-out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiolimiter import AsyncLimiter
from purgatory import AsyncCircuitBreakerFactory
from purgatory.domain.model import OpenedState

from services.enrichment.providers.contract import Answer, Outcome
from services.enrichment.providers.settings import Breaker, Rate
from services.enrichment.turns import Turns

_PAUSES = (Outcome.RATE_LIMITED, Outcome.QUOTA)


class FailedError(Exception):
    """The provider did not answer the question; what the breaker counts."""

    def __init__(self, outcome: Outcome, detail: str) -> None:
        super().__init__(detail)
        self.answer = Answer(outcome, detail=detail)


class Gate:
    """One provider's gate, shared by both lanes of a process."""

    def __init__(self, name: str, rate: Rate, breaker: Breaker, quota_pause_s: float) -> None:
        self._name = name
        self._rate = rate
        self._quota_pause_s = quota_pause_s
        self._turns = Turns()
        self._limiter = AsyncLimiter(rate.calls, rate.seconds)
        self._breakers = AsyncCircuitBreakerFactory(
            default_threshold=breaker.failures,
            default_ttl=breaker.seconds,
            # A worker that drains has learned nothing about the provider.
            exclude=[asyncio.CancelledError],
        )
        self._resumes = 0.0
        self._pause = Answer(Outcome.RATE_LIMITED)

    async def through(
        self, ask: Callable[[], Awaitable[Answer]], *, timeout: float, urgency: int
    ) -> Answer:
        """Ask, if it may be asked; always an answer, within ``timeout`` seconds."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        if loop.time() < self._resumes:
            return self._pause
        try:
            # Whoever is asked keeps half of the time: a question that is put at its last moment
            # ends as the provider's failure, and a rush of our own would open the breaker.
            async with asyncio.timeout(timeout / 2), self._turns.turn(urgency):
                await self._limiter.acquire()
        except TimeoutError:
            return Answer(Outcome.RATE_LIMITED, detail="our own rate limit")
        answer = await self._guarded(ask, deadline)
        if answer.outcome in _PAUSES:
            self._rest(answer, loop.time())
        return answer

    async def _guarded(self, ask: Callable[[], Awaitable[Answer]], deadline: float) -> Answer:
        breaker = await self._breakers.get_breaker(self._name)
        try:
            async with breaker:
                return await self._timely(ask, deadline)
        except OpenedState as error:
            error.__traceback__ = None  # one instance is raised for ever: its frames would pile up
            return Answer(Outcome.BREAKER_OPEN, detail="left alone after failures")
        except FailedError as error:
            return error.answer

    async def _timely(self, ask: Callable[[], Awaitable[Answer]], deadline: float) -> Answer:
        try:
            async with asyncio.timeout_at(deadline):
                return await ask()
        except TimeoutError:
            # From inside the breaker, so that silence counts as a failure.
            raise FailedError(Outcome.ERROR, "no answer in time") from None

    def _rest(self, answer: Answer, now: float) -> None:
        """Leave the provider alone for a while; asking on would make it worse."""
        if answer.outcome is Outcome.QUOTA:
            pause = self._quota_pause_s
        else:
            pause = min(answer.retry_after or self._rate.seconds, 60.0)
        self._resumes = now + pause
        self._pause = Answer(answer.outcome, detail=f"paused: {answer.detail}")
