"""Processes forked from one that has imported everything, so that each starts in milliseconds.

The standard library's fork server does it: a process without threads or connections that imports
``preload`` once. A child has a session of its own and, as its standard input, a pipe that only this
process holds: so it notices the end of this process however that comes.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import setproctitle

Main = Callable[[list[str]], int]
"""What a child does with its arguments; a function of a module. Returns the exit code."""

_CONTEXT = multiprocessing.get_context("forkserver")
_ONE_AT_A_TIME = threading.Lock()
_UNKNOWN = 255
"""Exit code where the fork server itself ended: nobody says how the child is, so it has to go."""


def preload(modules: Sequence[str]) -> None:
    """Starts the fork server, which begins to import ``modules``; does not wait for it."""
    _CONTEXT.set_forkserver_preload(list(modules))
    forkserver.ensure_running()


class Child:
    """A forked process."""

    def __init__(self, process: ForkServerProcess, owner: Connection) -> None:
        self._process = process
        self._owner = owner
        """Our end of its standard input; it lives as long as this object."""
        self._ended = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().add_reader(process.sentinel, self._notice)

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit code, or minus the signal that ended it; None while it runs."""
        return self._ended.result() if self._ended.done() else None

    async def wait(self) -> int:
        """Waits for its end; returns :attr:`returncode`."""
        return int(await asyncio.shield(self._ended))

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()

    def _notice(self) -> None:
        asyncio.get_running_loop().remove_reader(self._process.sentinel)
        self._process.join()
        self._owner.close()
        if self._process.exitcode == _UNKNOWN:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        self._ended.set_result(self._process.exitcode)


async def start(
    main: Main, arguments: Sequence[str], environment: Mapping[str, str], log: Path
) -> Child:
    """Forks a child that runs ``main(arguments)``, its output appended to ``log``."""
    return Child(*await asyncio.to_thread(_start, main, list(arguments), dict(environment), log))


def _start(
    main: Main, arguments: list[str], environment: dict[str, str], log: Path
) -> tuple[ForkServerProcess, Connection]:
    theirs, ours = _CONTEXT.Pipe(duplex=False)
    process = _CONTEXT.Process(
        target=_child, args=(main, arguments, environment, log, theirs), daemon=True
    )
    with _ONE_AT_A_TIME:
        process.start()
    theirs.close()
    return process, ours


def _child(
    main: Main, arguments: list[str], environment: dict[str, str], log: Path, owner: Connection
) -> None:
    """In the child: becomes what a program started by hand would be."""
    os.setsid()
    # Before the environment changes: the title takes the place of the old one in memory.
    setproctitle.setproctitle(" ".join(["handraise", *arguments]))
    os.dup2(owner.fileno(), 0)
    owner.close()
    sys.stdin = open(0, closefd=False)  # noqa: SIM115  (multiprocessing left it at /dev/null)
    out = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    for number in (1, 2):
        os.dup2(out, number)
    os.close(out)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    os.environ.clear()
    os.environ.update(environment)
    sys.exit(main(arguments))
