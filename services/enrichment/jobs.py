"""Leads that wait for providers: asks, and publishes at completeness or at the deadline.

Two loops per lane. One leases jobs and asks; it may be as slow as the slowest provider. The other
watches deadlines and publishes what is known by then, so no provider can make a lead late. Both
settle a job in one transaction under the lead's row lock: whoever comes second sees that it is
published. A worker that dies leaves a lease that runs out.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
import structlog

from schemas.base import Lane, Provenance
from services.enrichment import store
from services.enrichment.asking import Asker, Asking
from services.enrichment.config import EnrichmentConfig
from services.enrichment.few import Few
from services.enrichment.plan import missing, questions, subject, unaskable, urgency_of
from services.enrichment.providers.contract import Outcome, Question
from services.enrichment.revise import picture
from services.enrichment.settle import Job, settle
from services.enrichment.settling import stored
from services.runtime.database import is_infrastructure
from services.runtime.metrics import Metrics
from services.runtime.outbox import Outbox

log = structlog.get_logger(__name__)

CONCURRENCY: Final = {Lane.LIVE: 256, Lane.BULK: 8}
"""Many: a lead that waits for an answer costs a task, and must keep no other from asking."""
MOST_ATTEMPTS: Final = 3
"""A job that killed its worker so often is published with what is known."""
_AT_ONCE: Final = 200
_IDLE_S: Final = 1.0
_LEASE_MARGIN_S: Final = 5.0
_STUCK_S: Final = 60.0


class Jobs:
    """The workers of one lane."""

    def __init__(
        self,
        lane: Lane,
        pool: asyncpg.Pool,
        outbox: Outbox,
        config: Callable[[], EnrichmentConfig],
        asking: Asking,
        metrics: Metrics,
        now: Callable[[], datetime],
    ) -> None:
        self._lane = lane
        self._pool = pool
        self._outbox = outbox
        self._config = config
        self._asking = asking
        self._metrics = metrics
        self._now = now
        self._to_work = asyncio.Event()
        self._to_watch = asyncio.Event()
        self._leased: set[UUID] = set()
        self._few = Few(pool)
        self._due = Few(pool, most=1)

    def wake(self) -> None:
        """Jobs were committed."""
        self._to_work.set()
        self._to_watch.set()

    async def run(self) -> None:
        """Work until cancelled; then give the leases back."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._watch())
                group.create_task(self._work(group))
        finally:
            left = list(self._leased)
            self._leased.clear()
            with contextlib.suppress(Exception):
                async with asyncio.timeout(1.0):
                    async with self._pool.acquire() as conn:
                        await store.give_back(conn, left)

    # -- deadlines ---------------------------------------------------------------------------
    async def _watch(self) -> None:
        while True:
            self._to_watch.clear()
            try:
                wait = await self._publish_due()
            except Exception as error:
                if not is_infrastructure(error):
                    raise
                wait = _IDLE_S
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(max(wait, 0.0), _IDLE_S)):
                    await self._to_watch.wait()

    async def _publish_due(self) -> float:
        """Publish what is due; seconds until the next deadline."""
        async with self._pool.acquire() as conn:
            due = await store.due(conn, self._lane, _AT_ONCE)
            if not due:
                self._metrics.enrichment_jobs.set(await store.count(conn))
                wait = await store.next_deadline(conn, self._lane)
                return _IDLE_S if wait is None else wait
        await self._isolating(due)
        return 0.0

    async def _isolating(self, due: Sequence[UUID]) -> None:
        """All in one transaction; where that fails, each alone, so that one costs only itself."""
        try:
            await self._settle(due, over=True)
        except Exception as error:
            if is_infrastructure(error):
                raise
            if len(due) > 1:
                for one in due:
                    await self._isolating([one])
                return
            log.error("enrichment_job_stuck", input_id=str(due[0]), error=type(error).__name__)
            async with self._pool.acquire() as conn:
                await store.postpone(conn, due[0], _STUCK_S)

    # -- questions ---------------------------------------------------------------------------
    async def _work(self, group: asyncio.TaskGroup) -> None:
        while True:
            self._to_work.clear()
            await self._lease(group)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_IDLE_S):
                    await self._to_work.wait()

    async def _lease(self, group: asyncio.TaskGroup) -> None:
        free = CONCURRENCY[self._lane] - len(self._leased)
        if free <= 0:
            return
        try:
            async with self._pool.acquire() as conn:
                claimed = await store.claim(conn, self._lane, free, self._lease_seconds())
        except Exception as error:
            if not is_infrastructure(error):
                raise
            return
        for one in claimed:
            self._leased.add(one.job.input_id)
            group.create_task(self._safely(one))

    def _lease_seconds(self) -> float:
        patience = sum(one.timeout_ms for one in self._config().providers.values()) / 1000
        return patience + _LEASE_MARGIN_S

    async def _safely(self, claimed: store.Claimed) -> None:
        try:
            await self._one(claimed)
        except Exception as error:
            # The lease runs out and another worker tries; the deadline does not wait for it.
            log.warning(
                "enrichment_job_failed",
                input_id=str(claimed.job.input_id),
                attempt=claimed.attempts,
                error=type(error).__name__,
            )
        # Not in a finally: what is cancelled keeps its lease until `run` gives it back.
        self._leased.discard(claimed.job.input_id)
        self._to_work.set()

    async def _one(self, claimed: store.Claimed) -> None:
        job = claimed.job
        asked: frozenset[str] = frozenset()
        while claimed.attempts <= MOST_ATTEMPTS:
            config = self._config()
            open_now = await self._open(config, job, asked)
            if not open_now:
                break
            async with asyncio.TaskGroup() as group:
                asks = [group.create_task(self._ask(config, job, one)) for one in open_now]
            if any(ask.result() for ask in asks):
                return
            asked |= {question.place for question in open_now}
        await self._settle([job.input_id], last=True, urgency=_urgency(job))

    async def _open(
        self, config: EnrichmentConfig, job: Job, asked: frozenset[str]
    ) -> list[Question]:
        """What to ask next, given what is known by now."""
        async with self._few.connection(_urgency(job)) as conn:
            state = await store.peek(conn, job.lead_id)
        at = self._now()
        view = picture(state, job.event, at)
        absent = missing(config, view.facts, at)
        if not absent:
            return []
        about = subject(view.lead, view.facts)
        if not asked and (skipped := unaskable(config, absent, about)):
            await self._skip(job, skipped)
        return questions(config, absent, about, asked)

    async def _skip(self, job: Job, skipped: frozenset[tuple[str, str]]) -> None:
        """The ledger says too who was not asked, because of what is not known of the lead."""
        async with self._few.connection(_urgency(job)) as conn:
            places = {(job.lead_id, *place) for place in skipped}
            fresh = await store.skip(conn, job.event.lane, places)
        for provider in fresh:
            self._metrics.provider_calls.labels(provider, Outcome.SKIPPED.value).inc()

    async def _ask(self, config: EnrichmentConfig, job: Job, question: Question) -> bool:
        """Whether the job is done with this answer."""
        asker = Asker(job.lead_id, job.event.lane, _urgency(job), job)
        values = await self._asking.ask(self._few, config, question, asker)
        return bool(values) and await self._settle(
            [job.input_id], values=values, urgency=_urgency(job)
        )

    # -- settling ----------------------------------------------------------------------------
    async def _settle(
        self,
        input_ids: Sequence[UUID],
        *,
        values: Mapping[str, Provenance] | None = None,
        over: bool = False,
        last: bool = False,
        urgency: int = 0,
    ) -> bool:
        """Whether all of these jobs are done, by this call or by another's."""
        few = self._pool_of(over)
        async with few.transaction(urgency) as conn:
            leads = await store.leads_of(conn, input_ids)
            if not leads:
                return True
            states = await store.lock(conn, leads, {})
            jobs = await store.open_jobs(conn, input_ids)
            found = settle(
                self._config(), states, jobs, values or {}, at=self._now(), over=over, last=last
            )
            outputs = await stored(conn, self._outbox, found)
        await self._outbox.release(outputs)
        return len(found.done) == len(jobs)

    def _pool_of(self, over: bool) -> Few:
        """Deadlines have connections of their own: they wait for no answer to be stored."""
        return self._due if over else self._few


def _urgency(job: Job) -> int:
    return urgency_of(job.event.lane, job.event.kind)
