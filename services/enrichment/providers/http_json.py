"""A provider that answers JSON over HTTP, as ``enrichment.yaml`` describes it.

Whatever the other side does (hangs, fails, answers 429, sends a gigabyte, sends nonsense), a
question ends within its time-out and with an outcome. Redirects are not followed and compressed
answers are not unpacked: no request is led elsewhere, no small answer swells into a large one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import httpx
from aiolimiter import AsyncLimiter
from purgatory import AsyncCircuitBreakerFactory
from purgatory.domain.model import OpenedState
from pydantic_core import from_json
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_exponential_jitter

from services.enrichment.config import HttpProvider, Outcome
from services.enrichment.plan import Question
from services.enrichment.providers.answer import read
from services.enrichment.providers.base import Answer

_STATUSES: Final = {
    200: Outcome.MATCHED,
    204: Outcome.NO_MATCH,
    404: Outcome.NO_MATCH,
    402: Outcome.QUOTA,
    429: Outcome.RATE_LIMITED,
}


class _FailedError(Exception):
    """The provider did not answer the question; what the breaker counts."""

    def __init__(self, outcome: Outcome, detail: str) -> None:
        super().__init__(detail)
        self.answer = Answer(outcome, detail=detail)


class _TransientError(_FailedError):
    """As above, and worth a second attempt."""


class HttpJsonProvider:
    """Asks one provider: rate limit, then breaker, then attempts, all within one time-out."""

    def __init__(
        self,
        name: str,
        config: HttpProvider,
        secret: str | None,
        client: httpx.AsyncClient,
        now: Callable[[], datetime],
    ) -> None:
        self.name = name
        self.config = config
        self._headers = {
            **{
                key: value.replace("{secret}", secret or "")
                for key, value in config.headers.items()
            },
            "accept": "application/json",
            "accept-encoding": "identity",
        }
        self._client = client
        self._now = now
        self._limiter = AsyncLimiter(config.rate.calls, config.rate.seconds)
        self._breakers = AsyncCircuitBreakerFactory(
            default_threshold=config.breaker.failures,
            default_ttl=config.breaker.seconds,
            # A worker that drains has learned nothing about the provider.
            exclude=[asyncio.CancelledError],
        )

    async def ask(self, question: Question) -> Answer:
        """One answer; see :class:`~services.enrichment.providers.base.Provider`."""
        timeout = self.config.timeout_ms / 1000
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        try:
            async with asyncio.timeout_at(deadline):
                await self._limiter.acquire()
        except TimeoutError:
            return Answer(Outcome.RATE_LIMITED, detail="our own rate limit")
        return await self._guarded(question, deadline)

    async def _guarded(self, question: Question, deadline: float) -> Answer:
        breaker = await self._breakers.get_breaker(self.name)
        try:
            async with breaker:
                return await self._timely(question, deadline)
        except OpenedState as error:
            error.__traceback__ = None  # one instance is raised for ever: its frames would pile up
            return Answer(Outcome.BREAKER_OPEN, detail="left alone after failures")
        except _FailedError as error:
            return error.answer

    async def _timely(self, question: Question, deadline: float) -> Answer:
        try:
            async with asyncio.timeout_at(deadline):
                return await self._with_attempts(question)
        except TimeoutError:
            # From inside the breaker, so that silence counts as a failure.
            raise _FailedError(Outcome.ERROR, "no answer in time") from None

    async def _with_attempts(self, question: Question) -> Answer:
        attempts = AsyncRetrying(
            retry=retry_if_exception_type(_TransientError),
            stop=stop_after_attempt(self.config.attempts),
            wait=wait_exponential_jitter(multiplier=0.05, max=0.5, jitter=0.05),
            reraise=True,
        )
        return await attempts(self._once, question)

    async def _once(self, question: Question) -> Answer:
        try:
            async with self._client.stream(
                self.config.method,
                question.url,
                headers=self._headers,
                timeout=self.config.timeout_ms / 1000,
                follow_redirects=False,
            ) as response:
                outcome = self._outcome(response.status_code)
                if outcome is not Outcome.MATCHED:
                    return _unmatched(outcome, response.status_code)
                body = await self._body(response)
        except httpx.TransportError as error:
            raise _TransientError(Outcome.ERROR, type(error).__name__) from None
        except httpx.HTTPError as error:
            raise _FailedError(Outcome.ERROR, type(error).__name__) from None
        return self._read(body, question)

    def _outcome(self, status: int) -> Outcome:
        return self.config.statuses.get(status) or _STATUSES.get(status, Outcome.ERROR)

    async def _body(self, response: httpx.Response) -> bytes:
        if response.headers.get("content-encoding", "identity") != "identity":
            raise _FailedError(Outcome.ERROR, "a compressed answer, which was not asked for")
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > self.config.max_bytes:
                raise _FailedError(
                    Outcome.ERROR, f"more than {self.config.max_bytes} bytes of answer"
                )
        return bytes(body)

    def _read(self, body: bytes, question: Question) -> Answer:
        try:
            document: Any = from_json(body, allow_inf_nan=False)
        except ValueError:
            raise _FailedError(Outcome.ERROR, "the answer is not JSON") from None
        answer = read(document, self.config, question, self.name, self._now())
        if answer.outcome is Outcome.ERROR:
            raise _FailedError(Outcome.ERROR, answer.detail)
        return answer


def _unmatched(outcome: Outcome, status: int) -> Answer:
    detail = f"status {status}"
    if outcome in (Outcome.NO_MATCH, Outcome.SKIPPED):
        return Answer(outcome, detail=detail)
    if outcome is Outcome.ERROR and status >= 500:
        raise _TransientError(outcome, detail)
    raise _FailedError(outcome, detail)
