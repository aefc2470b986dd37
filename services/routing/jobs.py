"""Works off the computations that were asked for, one at a time, each in a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, Final
from uuid import UUID

import asyncpg
import structlog

from schemas.assignment import AssignmentStatus, RequestAction
from services.routing.answer import Request
from services.routing.http import Ask, carry_out
from services.routing.store import jobs as store
from services.routing.store.jobs import Ended, Job
from services.runtime.apart import Apart
from services.runtime.problems import Problem

log = structlog.get_logger(__name__)

_POLL_S: Final = 2.0
_SIGN_OF_LIFE_S: Final = 2.0


class Jobs:
    """The queue of one process.

    :param act: carries out what a correction moves.
    """

    def __init__(self, pool: asyncpg.Pool, apart: Apart, act: Ask) -> None:
        self.pool = pool
        self._apart = apart
        self._act = act
        self._asked = asyncio.Event()

    async def ask(self, kind: str, request: dict[str, Any], by: str) -> UUID:
        """Queue one.

        :raises Problem: 429 where too many wait.
        """
        found = await store.add(self.pool, kind, request, by)
        if found is None:
            retry = {"Retry-After": "30"}
            detail = f"{store.QUEUE} computations wait already."
            raise Problem(429, "Too many requests", detail, headers=retry)
        self._asked.set()
        return found

    async def run(self) -> None:
        """Until cancelled. Whatever is left unfinished then, another process takes up."""
        while True:
            while (job := await store.take(self.pool)) is not None:
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
                await store.end(self.pool, job, working.result())
                log.info("job.ended", kind=job.kind, job_id=str(job.id))
            elif (error := watching.exception()) is not None:
                raise error
        except asyncio.CancelledError:  # a drain: not the job's fault
            await store.put_back(self.pool, job)
            raise
        finally:
            working.cancel()
            watching.cancel()
            await asyncio.gather(working, watching, return_exceptions=True)

    async def _watch(self, job: Job) -> None:
        """Ends when the job is ours no longer."""
        while await store.alive(self.pool, job):  # noqa: ASYNC110  (the database is asked)
            await asyncio.sleep(_SIGN_OF_LIFE_S)

    async def _ended(self, job: Job) -> Ended:
        try:
            answer = await self._apart.run(job.kind, job.request)
        except Problem as problem:
            return Ended(problem=problem.document())
        report = answer["report"]
        if job.kind == "correction":
            report |= await self._corrected(job, report)
        return Ended(report, answer.get("page"))

    async def _corrected(self, job: Job, report: dict[str, Any]) -> dict[str, Any]:
        """Asks for each move; one that is refused does not keep the others back."""
        dry = job.request["dry_run"]
        reason = job.request["reason"] or f"corrected by configuration {report['version']}"
        moves = [] if dry else [one for one in report["moves"] if one["to"] is not None]
        done = [await _mend(self._act, one, job.asked_by, reason) for one in moves]
        return {"dry_run": dry, "applied": sum(one["ok"] for one in done), "answers": done}


async def _mend(ask: Ask, move: dict[str, Any], by: str, reason: str) -> dict[str, Any]:
    expected = AssignmentStatus(move["status"])
    request = Request(RequestAction.REASSIGN, by, reason, expected, move["to"], True)
    try:
        await carry_out(ask, UUID(move["assignment_id"]), request)
    except Problem as refused:
        said = refused.detail or refused.title
        return {"lead_id": move["lead_id"], "ok": False, "answer": said}
    return {"lead_id": move["lead_id"], "ok": True, "answer": move["to"]}
