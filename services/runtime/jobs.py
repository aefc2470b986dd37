"""Works off the computations that were asked for, one at a time, each in a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from uuid import UUID

import structlog

from services.runtime.apart import Apart
from services.runtime.jobs_sql import QUEUE, Ended, Job, JobStore
from services.runtime.problems import Problem

log = structlog.get_logger(__name__)

Finish = Callable[[Job, dict[str, Any]], Awaitable[dict[str, Any]]]
"""What follows from a report, and belongs to it."""

_POLL_S: Final = 2.0
_SIGN_OF_LIFE_S: Final = 2.0


class Jobs:
    """The queue of one process.

    :param finish: by kind, what is done with a report before the job has ended.
    """

    def __init__(
        self, store: JobStore, apart: Apart, finish: Mapping[str, Finish] | None = None
    ) -> None:
        self.store = store
        self._apart = apart
        self._finish = finish or {}
        self._asked = asyncio.Event()

    async def ask(self, kind: str, request: dict[str, Any], by: str) -> UUID:
        """Queue one.

        :raises Problem: 429 where too many wait.
        """
        found = await self.store.add(kind, request, by)
        if found is None:
            retry = {"Retry-After": "30"}
            detail = f"{QUEUE} computations wait already."
            raise Problem(429, "Too many requests", detail, headers=retry)
        self._asked.set()
        return found

    async def run(self) -> None:
        """Until cancelled. Whatever is left unfinished then, another process takes up."""
        while True:
            while (job := await self.store.take()) is not None:
                await self._one(job)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_POLL_S):
                    await self._asked.wait()
            self._asked.clear()

    async def _one(self, job: Job) -> None:
        working = asyncio.create_task(self._ended(job), name="job")
        watching = asyncio.create_task(self._watch(job), name="job-alive")
        try:
            await asyncio.wait([working, watching], return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                await self.store.end(job, working.result())
                log.info("job.ended", kind=job.kind, job_id=str(job.id))
            elif (error := watching.exception()) is not None:
                raise error
        except asyncio.CancelledError:  # a drain: not the job's fault
            await self.store.put_back(job)
            raise
        finally:
            working.cancel()
            watching.cancel()
            await asyncio.gather(working, watching, return_exceptions=True)

    async def _watch(self, job: Job) -> None:
        """Ends when the job is ours no longer."""
        while await self.store.alive(job):  # noqa: ASYNC110  (the database is asked)
            await asyncio.sleep(_SIGN_OF_LIFE_S)

    async def _ended(self, job: Job) -> Ended:
        try:
            answer = await self._apart.run(job.kind, job.request)
        except Problem as problem:
            return Ended(problem=problem.document())
        report = answer["report"]
        if (finish := self._finish.get(job.kind)) is not None:
            report |= await finish(job, report)
        return Ended(report, answer.get("page"))
