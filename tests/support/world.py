"""The outside of a running pipeline: form tools that come again, an observer of the whole bus."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import httpx

from schemas.topics import TOPICS, dead_letter_topics
from tests.support.checker import History, Report, check, stale
from tests.support.observer import Observer, observing
from tests.support.pipeline import SECRETS, Pipeline
from tests.support.traffic import Request
from tests.support.waiting import eventually

_REFUSED = range(400, 429)
EVERY_TOPIC = tuple(spec.name for spec in TOPICS) + dead_letter_topics()


@dataclass(frozen=True, slots=True)
class Answer:
    """What one attempt to hand something in came to."""

    digest: str
    """SHA-256 of the body."""
    status: int | None
    """None: no answer; it may be in or not."""
    submission_id: str | None
    word: str | None
    """accepted or duplicate."""
    seconds: float


@dataclass(slots=True)
class World:
    """Form tools that hand in and come again, and an observer of the whole bus."""

    pipeline: Pipeline
    bus: Observer
    http: httpx.AsyncClient
    answers: list[Answer] = field(default_factory=list)

    async def attempt(self, request: Request, base: str | None = None) -> Answer:
        """Hands it in once, at ``base`` or at capture's own address."""
        began = time.monotonic()
        headers = request.headers(self.pipeline.up.line["api_key"], SECRETS)
        status, body = None, {}
        try:
            response = await self.http.post(
                f"{base or self.pipeline.up.http}{request.path}",
                content=request.body,
                headers=headers,
            )
            status = response.status_code
            body = response.json()
        except (httpx.TransportError, json.JSONDecodeError):
            pass
        spent = time.monotonic() - began
        answer = Answer(
            request.digest, status, body.get("submission_id"), body.get("status"), spent
        )
        self.answers.append(answer)
        return answer

    async def deliver(self, request: Request, timeout: float = 90.0) -> Answer:
        """Hands it in until it is taken, as senders do: again after no answer, 429 or 5xx."""
        deadline, pause = time.monotonic() + timeout, 0.1
        while True:
            answer = await self.attempt(request)
            if answer.status is not None and answer.status < 500 and answer.status != 429:
                return answer
            assert time.monotonic() < deadline, f"not taken within {timeout} s: {answer}"
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 1.0)

    @property
    def accepted(self) -> frozenset[str]:
        """Submission ids that were answered with 200."""
        return frozenset(a.submission_id for a in self.answers if a.submission_id)

    async def history(self) -> History:
        """Everything up to now."""
        refused = {a.digest for a in self.answers if a.status is not None and a.status in _REFUSED}
        taken = {a.digest for a in self.answers if a.status == 200 or a.status is None}
        return History(
            accepted=self.accepted,
            records=tuple(self.bus.records),
            active=await self.pipeline.active(),
            refused=frozenset(refused - taken),
            injected=frozenset(self.pipeline.injected),
        )

    async def settled(self, timeout: float = 90.0) -> Report:
        """Waits until all that is durable has its end and nothing waits; then judges.

        :raises AssertionError: something never came to an end, or an invariant is broken.
        """

        def unaccounted() -> frozenset[str]:
            return History(self.accepted, tuple(self.bus.records)).unaccounted

        async def at_rest() -> bool:
            if unaccounted() or await self.pipeline.unfinished():
                return False
            return not stale(await self.history())

        try:
            await eventually(at_rest, timeout, pause=0.25)
        except AssertionError:
            left = await self.pipeline.unfinished()
            late = stale(await self.history())
            raise AssertionError(
                f"not at rest within {timeout} s: no end {sorted(unaccounted())[:5]}, waiting "
                f"{left}, stale {late[:5]}"
            ) from None
        report = check(await self.history())
        assert not report.faults, str(report)
        return report


@contextlib.asynccontextmanager
async def world(pipeline: Pipeline, topics: Sequence[str] = EVERY_TOPIC) -> AsyncIterator[World]:
    """The outside of a pipeline that is ready."""
    pipeline.ready()
    limits = httpx.Limits(max_connections=50, max_keepalive_connections=20)
    async with (
        observing(pipeline.kafka, topics) as bus,
        httpx.AsyncClient(timeout=30, limits=limits) as http,
    ):
        yield World(pipeline, bus, http)
