"""Computations that were asked for: queued, taken by one process, kept with what came of them.

Each service that computes has a table of them in its own schema.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg
from pydantic_core import from_json, to_json

from services.runtime.outbox_sql import schema_name

QUEUE: Final = 20
"""Unfinished computations of one service; more are refused."""
KEPT: Final = timedelta(days=30)
_TRIES: Final = 2
_LOST: Final = timedelta(seconds=30)
"""Without a sign of life another process takes the computation up."""

_DDL = """
create table SCHEMA.jobs (
    id uuid primary key default gen_random_uuid(),
    kind text not null,
    request text not null,
    asked_by text not null,
    asked_at timestamptz not null default now(),
    started_at timestamptz,
    alive_at timestamptz,
    tries integer not null default 0,
    ended_at timestamptz,
    status text not null default 'queued'
        check (status in ('queued', 'running', 'done', 'failed', 'cancelled')),
    result text,
    page text,
    problem text
);
create index jobs_unfinished on SCHEMA.jobs (asked_at) where ended_at is null;
create index jobs_asked on SCHEMA.jobs (kind, asked_at desc);
"""

_ADD = """
insert into SCHEMA.jobs (kind, request, asked_by)
select $1, $2, $3
where (select count(*) from SCHEMA.jobs where ended_at is null) < $4
returning id
"""
_FORGET = "delete from SCHEMA.jobs where ended_at < now() - $1::interval"
_GIVE_UP = """
update SCHEMA.jobs set status = 'failed', ended_at = now(), problem = $3
where ended_at is null and status = 'running' and tries >= $1 and alive_at < now() - $2::interval
"""
_TAKE = """
update SCHEMA.jobs set status = 'running', started_at = now(), alive_at = now(), tries = tries + 1
where id = (
    select id from SCHEMA.jobs
    where ended_at is null and (status = 'queued' or alive_at < now() - $1::interval)
    order by asked_at limit 1 for update skip locked)
returning id, kind, request, asked_by, tries
"""
_ALIVE = """
update SCHEMA.jobs set alive_at = now() where id = $1 and tries = $2 and status = 'running'
returning id
"""
_PUT_BACK = """
update SCHEMA.jobs set status = 'queued', started_at = null, alive_at = null, tries = tries - 1
where id = $1 and tries = $2 and status = 'running'
"""
_END = """
update SCHEMA.jobs set status = $3, ended_at = now(), result = $4, page = $5, problem = $6
where id = $1 and tries = $2 and status = 'running'
"""
_CANCEL = """
update SCHEMA.jobs set status = 'cancelled', ended_at = now()
where id = $1 and kind = $2 and ended_at is null returning id
"""
_SHORT = "id, kind, status, asked_by, asked_at, started_at, ended_at"
_ONE = f"select {_SHORT}, request, result, problem from SCHEMA.jobs where id = $1 and kind = $2"
_LIST = f"select {_SHORT} from SCHEMA.jobs where kind = $1 order by asked_at desc, id limit 100"
_PAGE = "select page from SCHEMA.jobs where id = $1 and kind = $2"
_STATEMENTS: Final = (
    _ADD,
    _FORGET,
    _GIVE_UP,
    _TAKE,
    _ALIVE,
    _PUT_BACK,
    _END,
    _CANCEL,
    _ONE,
    _LIST,
    _PAGE,
)
_INTERRUPTED: Final = {
    "status": 503,
    "title": "Not computed",
    "detail": "The process that computed it ended, twice.",
}


@dataclass(frozen=True, slots=True)
class Job:
    """One that this process has taken."""

    id: UUID
    kind: str
    request: dict[str, Any]
    asked_by: str
    tries: int
    """Which one this is, from 1; whoever has an earlier one has lost the job."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What came of a job; ``problem`` is a problem document."""

    result: Any = None
    page: str | None = None
    problem: dict[str, Any] | None = None


def table(schema: str) -> str:
    """DDL of a service's table; part of one of its migrations."""
    return _DDL.replace("SCHEMA", schema_name(schema))


class JobStore:
    """The computations of one service, in its schema."""

    def __init__(self, pool: asyncpg.Pool, schema: str) -> None:
        self.pool = pool
        name = schema_name(schema)
        self._sql = {text: text.replace("SCHEMA", name) for text in _STATEMENTS}

    async def add(self, kind: str, request: dict[str, Any], asked_by: str) -> UUID | None:
        """Queue one; None where too many wait. What ended long ago is forgotten."""
        await self.pool.execute(self._sql[_FORGET], KEPT)
        text = to_json(request).decode()
        return await self.pool.fetchval(self._sql[_ADD], kind, text, asked_by, QUEUE)  # type: ignore[no-any-return]

    async def take(self) -> Job | None:
        """The oldest that nobody works on; one that was lost twice is given up."""
        await self.pool.execute(self._sql[_GIVE_UP], _TRIES, _LOST, to_json(_INTERRUPTED).decode())
        row = await self.pool.fetchrow(self._sql[_TAKE], _LOST)
        if row is None:
            return None
        return Job(row["id"], row["kind"], from_json(row["request"]), row["asked_by"], row["tries"])

    async def alive(self, job: Job) -> bool:
        """A sign of life; False where the job was called off, or somebody else has it now."""
        return await self.pool.fetchval(self._sql[_ALIVE], job.id, job.tries) is not None

    async def put_back(self, job: Job) -> None:
        """For whoever comes next; this try does not count."""
        await self.pool.execute(self._sql[_PUT_BACK], job.id, job.tries)

    async def end(self, job: Job, ended: Ended) -> None:
        """Keep what came of it; nothing where it is ours no longer."""
        result = None if ended.problem else to_json(ended.result).decode()
        problem = to_json(ended.problem).decode() if ended.problem else None
        status = "failed" if ended.problem else "done"
        await self.pool.execute(
            self._sql[_END], job.id, job.tries, status, result, ended.page, problem
        )

    async def cancel(self, kind: str, job: UUID) -> bool:
        """Call one off that has not ended; whether there was such a one."""
        return await self.pool.fetchval(self._sql[_CANCEL], job, kind) is not None

    async def one(self, kind: str, job: UUID) -> dict[str, Any] | None:
        """A job with its request, and its result or problem; None for an unknown one."""
        row = await self.pool.fetchrow(self._sql[_ONE], job, kind)
        if row is None:
            return None
        texts = {name: row[name] for name in ("request", "result", "problem")}
        found = {name: from_json(text) for name, text in texts.items() if text is not None}
        return {**dict(row), **dict.fromkeys(texts), **found}

    async def latest(self, kind: str) -> list[dict[str, Any]]:
        """The last hundred of a kind, the newest first, without requests and results."""
        return [dict(row) for row in await self.pool.fetch(self._sql[_LIST], kind)]

    async def page(self, kind: str, job: UUID) -> str | None:
        """The page of one that is done; None where there is none."""
        return await self.pool.fetchval(self._sql[_PAGE], job, kind)  # type: ignore[no-any-return]
