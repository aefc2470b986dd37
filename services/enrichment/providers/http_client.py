"""Asks a vendor over HTTP.

Whatever the other side does (hangs, fails, answers 429, sends a gigabyte, sends nonsense), a
question ends within its time-out and with an outcome. Redirects are not followed and compressed
answers are not unpacked: no request is led elsewhere, no small answer swells into a large one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import httpx
from pydantic_core import from_json
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_exponential_jitter

from services.enrichment.providers.catalog import Remote, adapter, rate
from services.enrichment.providers.contract import Answer, Endpoint, Outcome, Question
from services.enrichment.providers.gate import FailedError, Gate
from services.enrichment.providers.reading import read


class _TransientError(FailedError):
    """Worth a second attempt."""


class HttpClient:
    """One provider: its gate, then attempts, all within one time-out."""

    def __init__(
        self,
        name: str,
        config: Remote,
        secret: str | None,
        client: httpx.AsyncClient,
        now: Callable[[], datetime],
    ) -> None:
        self.name = name
        self.config = config
        self._adapter = adapter(config)
        self._headers = {
            **_signed(self._adapter.headers, secret),
            "accept": "application/json",
            "accept-encoding": "identity",
        }
        self._query = _signed(self._adapter.query, secret)
        self._client = client
        self._now = now
        self._gate = Gate(name, rate(config), config.breaker, config.quota_pause_s)

    async def ask(self, question: Question, *, urgency: int = 1) -> Answer:
        """One answer; see :class:`~services.enrichment.providers.contract.Provider`."""
        endpoint = self._adapter.endpoints[question.endpoint]
        return await self._gate.through(
            lambda: self._with_attempts(endpoint, question),
            timeout=self.config.timeout_ms / 1000,
            urgency=urgency,
        )

    async def _with_attempts(self, endpoint: Endpoint, question: Question) -> Answer:
        attempts = AsyncRetrying(
            retry=retry_if_exception_type(_TransientError),
            stop=stop_after_attempt(self.config.attempts),
            wait=wait_exponential_jitter(multiplier=0.05, max=0.5, jitter=0.05),
            reraise=True,
        )
        return await attempts(self._once, endpoint, question)

    async def _once(self, endpoint: Endpoint, question: Question) -> Answer:
        try:
            async with self._open(endpoint, question) as response:
                outcome = self._adapter.outcome(response.status_code)
                if outcome is not Outcome.MATCHED:
                    return _unmatched(outcome, response)
                body = await self._body(response)
        except httpx.TransportError as error:
            raise _TransientError(Outcome.ERROR, type(error).__name__) from None
        except httpx.HTTPError as error:
            raise FailedError(Outcome.ERROR, type(error).__name__) from None
        return self._read(body, endpoint, question)

    def _open(self, endpoint: Endpoint, question: Question) -> Any:
        request = endpoint.ask(question.about, question.wanted)
        url = httpx.URL(self._adapter.address + request.path)
        query = {**request.query, **self._query}
        if endpoint.late is not None and question.callback is not None:
            query[endpoint.late.parameter] = question.callback
        return self._client.stream(
            request.method,
            url.copy_merge_params(query) if query else url,
            headers=self._headers,
            json=request.body,
            timeout=self.config.timeout_ms / 1000,
            follow_redirects=False,
        )

    async def _body(self, response: httpx.Response) -> bytes:
        if response.headers.get("content-encoding", "identity") != "identity":
            raise FailedError(Outcome.ERROR, "a compressed answer, which was not asked for")
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > self.config.max_bytes:
                raise FailedError(
                    Outcome.ERROR, f"more than {self.config.max_bytes} bytes of answer"
                )
        return bytes(body)

    def _read(self, body: bytes, endpoint: Endpoint, question: Question) -> Answer:
        try:
            document: Any = from_json(body, allow_inf_nan=False)
        except ValueError:
            raise FailedError(Outcome.ERROR, "the answer is not JSON") from None
        answer = read(
            document, endpoint, question, confidence=self.config.confidence, at=self._now()
        )
        if answer.outcome is Outcome.ERROR:
            raise FailedError(Outcome.ERROR, answer.detail)
        return answer


def _signed(templates: Mapping[str, str], secret: str | None) -> dict[str, str]:
    return {name: value.replace("{secret}", secret or "") for name, value in templates.items()}


def _unmatched(outcome: Outcome, response: httpx.Response) -> Answer:
    detail = f"status {response.status_code}"
    if outcome is Outcome.ERROR:
        raise (_TransientError if response.status_code >= 500 else FailedError)(outcome, detail)
    return Answer(outcome, detail=detail, retry_after=_seconds(response.headers))


def _seconds(headers: Mapping[str, str]) -> float | None:
    text = headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) < 6 else None
