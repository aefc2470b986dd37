"""The worker that reads people from vendors, after the sender had its 200.

Jobs are rows, leased by any number of processes. An answer goes back onto the submissions' own
topic, through the outbox, in the transaction that ends the job; so does the dead letter of a job
that is given up. Killed anywhere, a worker leaves a lease that runs out, and at worst the vendor
is asked twice. Redirects are not followed: the token goes to the configured host alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import asyncpg
import httpx
import structlog
from aiokafka import ConsumerRecord

from schemas.base import Lane
from schemas.submission import SubmissionReceived
from services.capture import events
from services.capture.adapters.base import Delivered, Ignored, Unparsable
from services.capture.adapters.fetching import Access, Fetching, FetchRequest
from services.capture.config import CaptureConfig, Source
from services.capture.fetchpolicy import (
    TOO_LARGE,
    UNCONFIGURED,
    Again,
    Over,
    Patience,
    next_step,
    retry_after,
)
from services.capture.sourcesfile import FetchConfig
from services.capture.store import fetches
from services.capture.store.fetches import Job
from services.runtime.database import is_infrastructure
from services.runtime.metrics import Metrics
from services.runtime.outbox import Outbox
from services.runtime.producer import OutputTooLarge
from services.runtime.records import Output
from services.runtime.stage.dead_letter import dead_letter
from services.runtime.stage.decode import Fault

log = structlog.get_logger(__name__)

CONCURRENCY: Final = {Lane.LIVE: 16, Lane.BULK: 4}
TIMEOUT_S: Final = 10.0
LEASE_S: Final = 30.0
MOST_BYTES: Final = 262_144
_IDLE_S: Final = 1.0
_STAGE: Final = "capture.fetch"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came over the wire."""

    status: int | None
    body: bytes = b""
    retry_after_s: float | None = None


class Fetcher:
    """The worker of one lane."""

    def __init__(
        self,
        lane: Lane,
        pool: asyncpg.Pool,
        outbox: Outbox,
        config: Callable[[], CaptureConfig],
        secrets: Mapping[str, list[bytes]],
        metrics: Metrics,
        patience: Patience = Patience(),  # noqa: B008  (frozen)
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._lane = lane
        self._pool = pool
        self._outbox = outbox
        self._config = config
        self._secrets = secrets
        self._metrics = metrics
        self._patience = patience
        self._clock = clock
        self._woken = asyncio.Event()
        self._leased: dict[UUID, Job] = {}
        # The stage decides on the same few connections: answers must not take them all.
        self._few = asyncio.Semaphore(2)

    def wake(self) -> None:
        """Jobs may have been committed."""
        self._woken.set()

    async def run(self) -> None:
        """Work until cancelled; then give the leases back."""
        async with httpx.AsyncClient(
            timeout=TIMEOUT_S, follow_redirects=False, trust_env=False
        ) as client:
            try:
                async with asyncio.TaskGroup() as group:
                    while True:
                        self._woken.clear()
                        for job in await self._lease():
                            group.create_task(self._safely(client, job))
                        with contextlib.suppress(TimeoutError):
                            async with asyncio.timeout(_IDLE_S):
                                await self._woken.wait()
            finally:
                await self._give_back()

    async def _lease(self) -> list[Job]:
        free = CONCURRENCY[self._lane] - len(self._leased)
        if free <= 0:
            return []
        try:
            async with self._pool.acquire() as conn:
                jobs = await fetches.claim(conn, self._lane, free, LEASE_S)
        except Exception as error:
            if not is_infrastructure(error):
                raise
            return []
        self._leased.update((job.job_id, job) for job in jobs)
        return jobs

    async def _give_back(self) -> None:
        left, self._leased = list(self._leased.values()), {}
        with contextlib.suppress(Exception):
            async with asyncio.timeout(1.0), self._pool.acquire() as conn:
                await fetches.give_back(conn, left)

    async def _safely(self, client: httpx.AsyncClient, job: Job) -> None:
        try:
            await self._one(client, job)
        except Exception as error:
            # The lease runs out, and another attempt is made.
            log.warning(
                "fetch.failed",
                job_id=str(job.job_id),
                attempt=job.tries.attempts,
                error=type(error).__name__,
            )
        # Not in a finally: what is cancelled keeps its lease until `run` gives it back.
        self._leased.pop(job.job_id, None)
        self._woken.set()

    async def _one(self, client: httpx.AsyncClient, job: Job) -> None:
        event = SubmissionReceived.read(job.value)
        source = self._config().sources.get(event.source)
        if source is None or source.config.fetch is None:
            await self._give_up(job, event, Over(UNCONFIGURED, "its source fetches nothing (now)"))
            return
        asked = self._question(event, source, source.config.fetch)
        if isinstance(asked, Over):
            await self._give_up(job, event, asked)
            return
        adapter, request = asked
        answer = await self._ask(client, request)
        status = None if answer.status is None else adapter.status(answer.status, answer.body)
        if status == 200 and len(answer.body) <= MOST_BYTES:
            await self._complete(job, event, answer.body)
            return
        if status == 200:
            over = Over(TOO_LARGE, f"the answer has more than {MOST_BYTES} bytes")
            await self._give_up(job, event, over)
            return
        step = next_step(
            status,
            answer.retry_after_s,
            job.tries,
            self._patience,
            source.config.fetch.give_up_hours * 3600,
            random.random(),  # noqa: S311  (spreads waits)
        )
        if isinstance(step, Over):
            await self._give_up(job, event, step)
        else:
            await self._put_off(job, event.source, step, status)

    def _question(
        self, event: SubmissionReceived, source: Source, config: FetchConfig
    ) -> tuple[Fetching, FetchRequest] | Over:
        adapter = source.adapter
        live = self._secrets.get(config.token) or []
        if not isinstance(adapter, Fetching) or not live:
            return Over(UNCONFIGURED, f"HANDRAISE_SECRET_{config.token} is not set")
        token = live[0].decode(errors="replace")
        properties = (*config.properties, *source.view.mapping)
        access = Access(config.base_url or adapter.base_url, token, properties)
        try:
            return adapter, adapter.fetch(Delivered(event.body, event.headers), access)
        except (Ignored, Unparsable) as error:
            return Over(UNCONFIGURED, f"its source has another adapter by now: {error}")

    async def _ask(self, client: httpx.AsyncClient, request: FetchRequest) -> Answer:
        headers = {**request.headers, "accept-encoding": "identity"}
        try:
            async with (
                asyncio.timeout(TIMEOUT_S),
                client.stream("GET", request.url, headers=headers) as response,
            ):
                body = bytearray()
                async for chunk in response.aiter_raw():
                    body += chunk
                    if len(body) > MOST_BYTES:
                        break
                wait = retry_after(response.headers.get("retry-after"), self._clock())
                return Answer(response.status_code, bytes(body), wait)
        except (httpx.HTTPError, TimeoutError, OSError):
            return Answer(None)

    # -- ends ----------------------------------------------------------------------------------
    async def _complete(self, job: Job, event: SubmissionReceived, body: bytes) -> None:
        completed = event.model_copy(update={"fetched": body, "causation_id": job.job_id})
        out = events.submission_output(completed)
        stored: list[Output] = []
        try:
            async with self._few, self._pool.acquire() as conn, conn.transaction():
                if await fetches.end_answered(conn, job, hashlib.sha256(body).hexdigest()):
                    # As an output of the submission's record: when that comes again, so does this.
                    stored = await self._outbox.store(conn, [out], job.input_id)
        except OutputTooLarge:
            await self._give_up(job, event, Over(TOO_LARGE, "no topic takes the answer"))
            return
        await self._outbox.release(stored)
        log.info("fetch.done", job_id=str(job.job_id), attempt=job.tries.attempts)

    async def _give_up(self, job: Job, event: SubmissionReceived, over: Over) -> None:
        out = dead_letter(
            _as_consumed(job),
            Fault(over.reason, over.detail),
            service=events.SERVICE,
            stage=_STAGE,
            attempt=job.tries.attempts,
            at=self._clock(),
        )
        stored: list[Output] = []
        async with self._few, self._pool.acquire() as conn, conn.transaction():
            if await fetches.end_given_up(conn, job, over.reason):
                stored = await self._outbox.store(conn, [out])
        if stored:
            self._metrics.dead_letters.labels(_STAGE, over.reason).inc()
            log.warning("fetch.given_up", source=event.source, reason=over.reason)
        await self._outbox.release(stored)

    async def _put_off(self, job: Job, source: str, step: Again, status: int | None) -> None:
        async with self._few, self._pool.acquire() as conn:
            await fetches.put_off(conn, job, step)
            if step.all_of_source:
                await fetches.put_off_source(conn, source, step.wait_s)
        log.info(
            "fetch.put_off",
            source=source,
            status=status,
            attempt=job.tries.attempts,
            seconds=round(step.wait_s, 1),
        )


def _as_consumed(job: Job) -> ConsumerRecord:
    return ConsumerRecord(
        topic=job.topic,
        partition=job.partition,
        offset=job.offset,
        timestamp=0,
        timestamp_type=0,
        key=job.key,
        value=job.value,
        checksum=None,
        serialized_key_size=-1,
        serialized_value_size=-1,
        headers=job.headers,
    )
