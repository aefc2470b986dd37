"""What surrounds every request: times, admission, hot routes, and the answer to a crash."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final

import structlog
from fastapi import FastAPI
from prometheus_client import Histogram
from starlette.datastructures import State
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Connection

from services.runtime.admission import Admission, Exchange
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
        if scope["path"].endswith("/"):
            # People paste addresses with a slash behind them, and no form tool follows a redirect.
            scope["path"] = scope["path"].rstrip("/") or "/"
        await self.answer(self._hot.find(scope) or self._app, scope, receive, send)

    async def answer(self, app: ASGIApp, scope: Connection, receive: Receive, send: Send) -> None:
        """Let ``app`` answer, with everything around it."""
        began = time.perf_counter()
        state = scope["app"].state
        limit, more = state.max_body, state.more_headers
        exchange = Exchange(self._admission, scope, receive, send, limit, more)
        if refused := self._refused(scope):
            await refused.response()(scope, receive, exchange.send)
        else:
            try:
                await app(scope, exchange.receive, exchange.send)
            except Exception as error:
                failed = _failed(scope, error)
                if exchange.status == 0:
                    await failed.response()(scope, receive, exchange.send)
            finally:
                exchange.done()
        self._observe(scope, exchange.status, time.perf_counter() - began)

    def _refused(self, scope: Connection) -> Problem | None:
        if scope["path"] in PROBES:
            return None
        if "\x00" in scope["path"]:  # no text that is stored can hold it
            return Problem(404, "Not Found")
        if self._health.starting is not None:
            return Problem(503, "Starting", self._health.starting, headers={"Retry-After": "1"})
        return self._admission.full()

    def _observe(self, scope: Connection, status: int, seconds: float) -> None:
        place = (_route(scope), status)
        bound = self._bound.get(place)
        if bound is None:
            bound = self._bound[place] = self._answer.labels(place[0], str(status))
        bound.observe(seconds)


class _State(State):
    """As Starlette's, whose every look at a name is a call; a hot route looks ten times."""

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)


class ShelledApp(FastAPI):
    """An application whose hot routes pass its shell alone, and no other layer."""

    def __init__(self, shell: Shell, hot: HotRoutes, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.state = _State()
        self._shell = shell
        self._hot = hot
        self.add_middleware(shell.around)

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        hot = self._hot.find(scope) if scope["type"] == "http" else None
        if hot is None:
            await super().__call__(scope, receive, send)
        else:
            scope["app"] = self
            await self._shell.answer(hot, scope, receive, send)


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
