"""uvicorn inside an event loop that is already running, with the deadlines that it lacks."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from asyncio import TimerHandle
from collections.abc import Generator
from typing import Final

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_HEADER_SECONDS: Final = 10.0
_HEADER_BYTES: Final = 32_768
_KEEP_ALIVE_SECONDS: Final = 75
_CONCURRENCY: Final = 1_000
_BACKLOG: Final = 2_048


class PortInUse(Exception):
    """Somebody else listens there."""


class _Protocol(HttpToolsProtocol):
    """Ends a connection whose headers come too slowly, and refuses headers that are too large."""

    _deadline: TimerHandle | None = None
    _header_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._arm()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._header_bytes = 0
        self._arm()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._disarm()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)

    def _count(self, size: int) -> None:
        self._header_bytes += size
        if self._header_bytes > _HEADER_BYTES:
            raise ValueError("headers too large")  # the parser turns it into a 400 and a close

    def _arm(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(_HEADER_SECONDS, self._give_up)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()


class _Server(uvicorn.Server):
    """Leaves the signals to the process that embeds it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


class HttpServer:
    """A listening server."""

    def __init__(self, server: uvicorn.Server, listener: socket.socket, host: str) -> None:
        self._server = server
        self._task = asyncio.create_task(server.serve([listener]), name="http")
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
        self._server.should_exit = True
        try:
            await asyncio.wait_for(asyncio.shield(self._task), seconds + 0.5)
        except TimeoutError:
            self._server.force_exit = True
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


async def serve(app: ASGIApp, host: str = "127.0.0.1", port: int = 0) -> HttpServer:
    """Listen, and serve ``app`` in the running loop; port 0 takes any free one.

    :raises PortInUse: one sentence.
    """
    config = uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=_CONCURRENCY,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=3,
    )
    server = HttpServer(_Server(config), _listen(host, port), host)
    await server.started()
    return server


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
