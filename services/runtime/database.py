"""Postgres: pools per lane, and which of its errors are nobody's fault but the infrastructure's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeAlias, TypeVar

import asyncpg
import structlog
from asyncpg import exceptions as pg
from asyncpg.pool import PoolConnectionProxy
from pydantic_core import from_json, to_json
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception
from tenacity.wait import wait_exponential, wait_random

from schemas.base import Lane
from services.runtime.settings import PostgresSettings

A = TypeVar("A")
T = TypeVar("T")
Connection: TypeAlias = asyncpg.Connection | PoolConnectionProxy
"""A connection of one's own or one that a pool lends."""

log = structlog.get_logger(__name__)

SCHEMAS: Final = {
    "runtime": "handraise",
    "capture": "capture",
    "enrichment": "enrichment",
    "scoring": "scoring",
    "routing": "routing",
    "response": "response",
    "delivery": "delivery",
}
"""The Postgres schema of each room. A room reads and writes its own and the shell's only."""

_INFRASTRUCTURE_CLASSES = frozenset({"08", "40", "53", "55", "57", "58"})
"""Connection, rollback (serialisation, deadlock), resources, object in use, operator, system."""
_INFRASTRUCTURE_STATES = frozenset({"25006", "25P03", "25P04"})
"""A standby that answers as if it were the primary; transactions ended by the server's clock."""

_STATEMENT_MS: Final = {Lane.LIVE: 10_000, Lane.BULK: 60_000}
_LOCK_MS: Final = {Lane.LIVE: 3_000, Lane.BULK: 10_000}
_IDLE_IN_TRANSACTION_MS = 10_000
"""A process that freezes in the middle of a decision holds its locks, and every lead of the pool
waits for them, for so long. More than a sweep takes that publishes within its transaction."""


def is_infrastructure(error: BaseException) -> bool:
    """Whether waiting can help: the database or the way to it failed, not what we asked of it.

    SQLSTATE classes 08, 40, 53, 55, 57 and 58, lost and refused connections, time-outs. Anything
    else (22, 23, validation, a bug, a missing file) is about the record or the code. A group counts
    only when all of its members do.
    """
    match error:
        case BaseExceptionGroup():
            return all(is_infrastructure(member) for member in error.exceptions)
        case pg.InvalidCachedStatementError():
            return True  # a migration ran meanwhile; asyncpg has dropped the plan, a repeat works
        case pg.PostgresError():
            state = str(error.sqlstate or "")
            return state[:2] in _INFRASTRUCTURE_CLASSES or state in _INFRASTRUCTURE_STATES
        case pg.InternalClientError():
            return True  # "cannot switch to state": the connection broke in mid-message
        case pg.InterfaceError():
            # Connection or pool: is closed, is closing. A connection that was lost between two
            # statements is said to have been given back.
            return "clos" in str(error) or "released back" in str(error)
        case FileNotFoundError() | PermissionError() | IsADirectoryError() | NotADirectoryError():
            return error.filename is None  # else about a file of ours; a socket has no such name
        case OSError() | asyncio.IncompleteReadError():
            return True  # TimeoutError and ConnectionError are OSErrors
        case _:
            return False


async def meanwhile(statement: Awaitable[A], make: Callable[[], T]) -> tuple[A, T]:
    """The answer to ``statement``, and what ``make`` gives, made while Postgres works on it.

    :param statement: of the caller's connection, which is free again afterwards in any case.
    """
    running = asyncio.ensure_future(statement)
    try:
        await asyncio.sleep(0)  # the statement goes out first
        made = make()
    except BaseException:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        raise
    return await running, made


@asynccontextmanager
async def beginning(connection: Connection, first: str) -> AsyncIterator[int]:
    """A transaction whose first statement travels with its BEGIN, in one round trip instead of two.

    Gives how many rows ``first`` wrote. It takes no arguments, so whatever stands in it must be
    safe by its type. Nothing within may ask asyncpg for a transaction of its own: it refuses.
    """
    try:
        yield int((await connection.execute(f"begin; {first}")).rpartition(" ")[2])
    except BaseException:
        if not connection.is_closed():
            await connection.execute("rollback")
        raise
    await connection.execute("commit")


async def connect(settings: PostgresSettings, *, lane: Lane, service: str) -> asyncpg.Pool:
    """The pool of one lane; waits with back-off, and says so, until Postgres answers.

    :raises asyncpg.PostgresError: where waiting cannot help (password, database, privileges).
    """
    return await patiently(
        lambda: open_pool(
            settings.dsn.get_secret_value(),
            size=settings.pool_size,
            name=f"handraise.{service}.{lane.value}",
            lane=lane,
        ),
        doing=f"open the {lane.value} pool",
    )


async def open_pool(
    dsn: str, *, size: int = 5, name: str = "handraise", lane: Lane = Lane.LIVE
) -> asyncpg.Pool:
    """A pool with the house's codecs and time-outs; fails at once when Postgres is not there."""
    statement_ms = _STATEMENT_MS[lane]
    return await asyncpg.create_pool(
        dsn,
        min_size=min(2, size),
        max_size=size,
        init=prepare,
        # Nothing sets session state, so the query that would clear it is a round trip for nothing.
        reset=_as_it_is,
        timeout=5,
        # The server's own limit comes first; this one is for a server that cannot answer any more.
        command_timeout=statement_ms / 1000 + 5,
        # A connection that is opened again costs a decision ten milliseconds.
        max_inactive_connection_lifetime=0,
        max_queries=2**31,
        server_settings={
            "application_name": name,
            "statement_timeout": str(statement_ms),
            "lock_timeout": str(_LOCK_MS[lane]),
            "idle_in_transaction_session_timeout": str(_IDLE_IN_TRANSACTION_MS),
            "timezone": "UTC",
            # The planner's compiler costs more than any of our statements takes.
            "jit": "off",
            # Every statement asks by key and is prepared once: planning it again for each set of
            # arguments costs a deciding transaction more than running it does.
            "plan_cache_mode": "force_generic_plan",
        },
    )


_ARRAYS = ("uuid", "text", "int4", "int8", "float8", "numeric", "bool", "bytea", "timestamptz")
_KNOW_ARRAYS = "select " + ", ".join(f"null::{kind}[]" for kind in _ARRAYS)


async def prepare(connection: Connection) -> None:
    """Make ``jsonb`` and ``json`` columns Python objects, both ways.

    Also asks once for what asyncpg must know of array types: it would ask at the first use of each
    on each connection, in the middle of a decision, which costs that lead some ten milliseconds.
    """
    for kind in ("jsonb", "json"):
        await connection.set_type_codec(
            kind, encoder=_encode, decoder=from_json, schema="pg_catalog", format="text"
        )
    await connection.prepare(_KNOW_ARRAYS)  # after the codecs: setting one forgets the types


async def _as_it_is(connection: asyncpg.Connection) -> None:
    """asyncpg itself still ends a transaction that was left open."""


async def patiently(attempt: Callable[[], Awaitable[T]], *, doing: str) -> T:
    """Await ``attempt()`` until it succeeds, 50 ms to 1 s apart, while infrastructure fails."""

    async def once() -> T:
        return await attempt()

    def say(state: RetryCallState) -> None:
        if state.attempt_number > 3 and state.attempt_number % 30:
            return
        error = state.outcome.exception() if state.outcome else None
        log.warning(
            "waiting",
            waiting_for="postgres",
            doing=doing,
            attempt=state.attempt_number,
            error=type(error).__name__,
        )

    retrying = AsyncRetrying(
        retry=retry_if_exception(is_infrastructure),
        wait=wait_exponential(multiplier=0.05, max=1) + wait_random(0, 0.1),
        before_sleep=say,
        reraise=True,
    )
    return await retrying(once)


def _encode(value: object) -> str:
    return to_json(value).decode()
