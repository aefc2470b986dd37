"""uvicorn inside an event loop that is already running, with the deadlines that it lacks."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import resource
import socket
from collections.abc import Generator
from functools import partial
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp

from services.runtime.connections import CONNECTIONS, Guard, GuardedProtocol

_BACKLOG: Final = 2_048
_DATE_SECONDS: Final = 1.0
_OTHER_FILES: Final = 256
"""Kept free for the broker, the database and whatever else a process opens."""


class PortInUse(Exception):
    """Somebody else listens there."""


class _Server(uvicorn.Server):
    """Leaves the signals to the process that embeds it."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._ended = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def main_loop(self) -> None:
        """Until :meth:`end`. uvicorn's own loop wakes an idle process ten times a second."""
        while not await self.on_tick(0):  # writes the Date header anew, and looks whether to end
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_DATE_SECONDS):
                    await self._ended.wait()

    def end(self) -> None:
        """Take no more connections."""
        self.should_exit = True
        self._ended.set()


class HttpServer:
    """A listening server."""

    def __init__(self, server: _Server, listener: socket.socket, host: str, guard: Guard) -> None:
        self._server = server
        self._task = asyncio.create_task(server.serve([listener]), name="http")
        self._sweep = asyncio.create_task(guard.run(), name="http-deadlines")
        self.guard = guard
        self.host = host
        self.port = int(listener.getsockname()[1])

    @property
    def url(self) -> str:
        """Where this machine reaches it."""
        every = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104
        local = every.get(self.host, self.host)
        return f"http://{f'[{local}]' if ':' in local else local}:{self.port}"

    async def started(self) -> None:
        """Until connections are taken."""
        while not self._server.started:
            if self._task.done():
                await self._task
                raise RuntimeError("the HTTP server ended while it started")
            await asyncio.sleep(0.005)

    async def stop(self, seconds: float = 3.0) -> None:
        """Take no more connections, let running requests finish, at most ``seconds``."""
        self._server.config.timeout_graceful_shutdown = max(1, round(seconds))
        self._server.end()
        try:
            await asyncio.wait_for(asyncio.shield(self._task), seconds + 0.5)
        except TimeoutError:
            self._server.force_exit = True
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        finally:
            self._sweep.cancel()


async def serve(app: ASGIApp, host: str = "127.0.0.1", port: int = 0) -> HttpServer:
    """Listen, and serve ``app`` in the running loop; port 0 takes any free one.

    :raises PortInUse: one sentence.
    """
    guard = Guard(_connections())
    protocol: Any = partial(GuardedProtocol, guard)
    config = uvicorn.Config(
        app,
        http=protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=3,
    )
    server = HttpServer(_Server(config), _listen(host, port), host, guard)
    await server.started()
    return server


def _connections() -> int:
    """How many may be open at once: what the process may open, less what it needs elsewhere."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if soft == resource.RLIM_INFINITY:
        return CONNECTIONS
    return max(min(CONNECTIONS, soft - _OTHER_FILES), soft // 2)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        match error.errno:
            case errno.EADDRINUSE:
                raise PortInUse(f"port {port} on {host} is in use by another program") from None
            case errno.EACCES:
                raise PortInUse(f"port {port} on {host} needs privileges") from None
            case _:
                raise PortInUse(f"cannot listen on {host}:{port}: {error.strerror}") from None
    return listener
