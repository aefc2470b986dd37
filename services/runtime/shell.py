"""What surrounds every request: times, admission, hot routes, and the answer to a crash."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import structlog
from fastapi import FastAPI
from prometheus_client import Histogram
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as Connection

from services.runtime.admission import Admission, Body
from services.runtime.database import is_infrastructure
from services.runtime.health import Health
from services.runtime.hotroutes import HotRoutes
from services.runtime.logs import describe
from services.runtime.problems import Problem

log = structlog.get_logger(__name__)

PROBES: Final = ("/live", "/ready", "/metrics")


class Shell:
    """Times each answer, keeps requests out until the process has started, and answers a crash."""

    def __init__(self, health: Health, answer: Histogram, hot: HotRoutes) -> None:
        self._app: ASGIApp = _nothing
        self._hot = hot
        self._health = health
        self._answer = answer
        self._admission = Admission()
        self._bound: dict[tuple[str, int], Any] = {}

    def around(self, app: ASGIApp) -> Shell:
        """Itself, as the middleware around what answers every other route."""
        self._app = app
        return self

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        if scope["path"].endswith("/"):
            # People paste addresses with a slash behind them, and no form tool follows a redirect.
            scope["path"] = scope["path"].rstrip("/") or "/"
        status = 0

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if more := scope["app"].state.more_headers(scope):
                    message = {**message, "headers": [*message.get("headers", ()), *more]}
            await send(message)

        if refused := self._refused(scope):
            await refused.response()(scope, receive, watch)
        else:
            limit = scope["app"].state.max_body
            body = Body(self._admission, scope, receive, watch, limit)
            try:
                await self._guarded(scope, body.receive, body.send, lambda: status)
            finally:
                body.done()
        self._observe(scope, status, time.perf_counter() - began)

    def _refused(self, scope: Connection) -> Problem | None:
        if scope["path"] in PROBES:
            return None
        if "\x00" in scope["path"]:  # no text that is stored can hold it
            return Problem(404, "Not Found")
        if self._health.starting is not None:
            return Problem(503, "Starting", self._health.starting, headers={"Retry-After": "1"})
        return self._admission.full()

    async def _guarded(
        self, scope: Connection, receive: Receive, send: Send, status: Callable[[], int]
    ) -> None:
        try:
            await (self._hot.find(scope) or self._app)(scope, receive, send)
        except Exception as error:
            failed = _failed(scope, error)
            if status() == 0:
                await failed.response()(scope, receive, send)

    def _observe(self, scope: Connection, status: int, seconds: float) -> None:
        place = (_route(scope), status)
        bound = self._bound.get(place)
        if bound is None:
            bound = self._bound[place] = self._answer.labels(place[0], str(status))
        bound.observe(seconds)


class ShelledApp(FastAPI):
    """An application whose hot routes pass its shell alone, and no other layer."""

    def __init__(self, shell: Shell, hot: HotRoutes, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._shell = shell
        self._hot = hot
        self.add_middleware(shell.around)

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self._hot.find(scope) is not None:
            scope["app"] = self
            await self._shell(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def _failed(scope: Connection, error: Exception) -> Problem:
    """What a request hears that broke off; logged here, as nobody else will."""
    if is_infrastructure(error):
        log.warning("http.infrastructure", route=_route(scope), **describe(error))
        detail = "The database did not answer; nothing is known to have changed."
        return Problem(503, "Try again", detail, headers={"Retry-After": "1"})
    log.error("http.failed", route=_route(scope), **describe(error))
    return Problem(500, "Internal error", "The fault is ours and was logged.")


async def _nothing(scope: Connection, _receive: Receive, _send: Send) -> None:
    raise RuntimeError(f"no application behind the shell for {scope['type']}")


def no_more(_: Connection) -> Sequence[tuple[bytes, bytes]]:
    """Nothing but what the answer says by itself."""
    return ()


def _route(scope: Connection) -> str:
    """The template of the path, never the path: labels must stay few."""
    return getattr(scope.get("route"), "path", "none")
