"""Work that would keep the event loop busy, done in a process of its own.

Per request one process of the command (`handraise compute`), which knows every service: it reads
one line of JSON, answers one line, and ends. It bounds its own time and memory, is nicer than
whoever decides, is given the database and no secret, and ends when this process does, however that
comes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any, Final

import structlog
from pydantic_core import from_json, to_json

from services.runtime.configfile import Fault
from services.runtime.problems import Problem
from services.runtime.settings import PREFIX, PostgresSettings

_COMMAND: Final = (sys.executable, "-m", "services.cli.main", "compute")
_LONGEST_ANSWER: Final = 64 * 1024 * 1024
OUT_OF_MEMORY: Final = 9
"""Exit code of a computation that would need more than it may."""
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one computation may take."""

    seconds: float
    """Until it is ended."""
    megabytes: int
    """Of address space, on Linux."""


class Apart:
    """Runs computations, so many at once.

    :param waiting: how many more may wait; whoever comes beyond is refused.
    """

    def __init__(
        self, postgres: PostgresSettings, bounds: Bounds, *, at_once: int, waiting: int = 8
    ) -> None:
        self._dsn = postgres.dsn.get_secret_value()
        self._bounds = bounds
        self._free = asyncio.Semaphore(at_once)
        self._room = at_once + waiting

    async def run(self, kind: str, request: Mapping[str, Any]) -> Any:
        """The answer to one request.

        :raises Problem: what the computation refuses, as it says it; 503 where too many wait, or it
            took too long, too much or crashed.
        """
        if self._room <= 0:
            retry = {"Retry-After": "5"}
            raise Problem(503, "Busy", "Too many computations wait already.", headers=retry)
        self._room -= 1
        try:
            async with self._free, self._process() as process:
                return await self._answer(process, kind, request)
        finally:
            self._room += 1

    @asynccontextmanager
    async def _process(self) -> AsyncIterator[asyncio.subprocess.Process]:
        process = await asyncio.create_subprocess_exec(
            *_COMMAND,
            *("--seconds", str(int(self._bounds.seconds))),
            *("--megabytes", str(self._bounds.megabytes)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=_environment(self._dsn),
            limit=_LONGEST_ANSWER,
        )
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _answer(
        self, process: asyncio.subprocess.Process, kind: str, request: Mapping[str, Any]
    ) -> Any:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        said = asyncio.create_task(process.stderr.read())
        try:
            async with asyncio.timeout(self._bounds.seconds):
                process.stdin.write(to_json({"kind": kind, "request": request}) + b"\n")
                # Its input stays open: that it closes tells the process that nobody waits any more.
                line = await process.stdout.readline()
        except (TimeoutError, ConnectionError, ValueError) as error:
            raise self._unanswered(type(error).__name__) from None
        finally:
            with contextlib.suppress(ProcessLookupError):
                if not process.stdout.at_eof():
                    process.kill()
            await said  # not kept: a traceback may quote a lead
        if not line.endswith(b"\n"):
            code = await process.wait()
            log.error("apart.failed", kind=kind, code=code)
            raise self._unanswered("MemoryError" if code == OUT_OF_MEMORY else f"exit code {code}")
        answer = from_json(line)
        if (problem := answer.get("problem")) is not None:
            raise Problem(**problem)
        return answer["result"]

    def _unanswered(self, why: str) -> Problem:
        took = self._bounds
        match why:
            case "TimeoutError":
                detail = f"It took longer than {took.seconds:g} s: ask for a shorter period."
            case "MemoryError" | "ValueError":
                detail = f"It needs more than {took.megabytes} MB: ask for a shorter period."
            case _:
                detail = f"The computation ended without an answer ({why}); the log says more."
        return Problem(503, "Not computed", detail)


def not_usable(faults: Sequence[Fault]) -> dict[str, Any]:
    """The problem of files that cannot be used: every fault with its file, line and path."""
    shown = "; ".join(str(fault) for fault in faults[:3])
    more = f"; and {len(faults) - 3} more" if len(faults) > 3 else ""
    told = [asdict(fault) for fault in faults]
    return {"status": 422, "title": "Not usable", "detail": f"{shown}{more}", "faults": told}


def _environment(dsn: str) -> dict[str, str]:
    """What a program of this machine is told, without what is ours but the database."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return {**inherited, f"{PREFIX}POSTGRES__DSN": dsn}
