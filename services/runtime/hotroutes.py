"""Routes that the shell answers by itself, before the layers of the framework that declares them.

What a request costs in matching nested routers, solving dependencies and closing exit stacks is
more than what a hot door does with it. So FastAPI declares such a route (the document, its scope),
and the shell calls the same function. Why: docs/decisions/fastapi-on-uvicorn.md.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fastapi import Request, Response
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from services.runtime.problems import Problem

Answer = Callable[[Request], Awaitable[Response]]
"""May raise :class:`~services.runtime.problems.Problem`; proves the caller by itself."""

_NOTHING: Final[Mapping[str, str]] = {}


@dataclass(frozen=True, slots=True)
class HotRoute:
    """One route as the shell calls it."""

    path: str
    """Its template, as FastAPI knows it; the label of its metrics."""
    answer: Answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["route"] = self
        try:
            response = await self.answer(_HotRequest(scope, receive, send))
        except Problem as problem:
            response = problem.response()
        await response(scope, receive, send)


class _HotRequest(Request):
    @property
    def headers(self) -> Headers:
        if not hasattr(self, "_headers"):
            self._headers = _Headers(self.scope)
        return self._headers


class _Headers(Headers):
    """Found by name in one step: a door asks for ten, and most of them are not there."""

    def __init__(self, scope: Scope) -> None:
        super().__init__(scope=scope)
        # Of several by one name the first is found.
        self._named = {
            name.lower().decode("latin-1"): value.decode("latin-1")
            for name, value in reversed(self._list)
        }

    def __getitem__(self, key: str) -> str:
        return self._named[key.lower()]

    def get(self, key: str, default: Any = None) -> Any:
        return self._named.get(key.lower(), default)

    def __contains__(self, key: Any) -> bool:
        return key.lower() in self._named


class HotRoutes:
    """The hot routes of an application: ``app.state.hot``."""

    def __init__(self) -> None:
        self._exact: dict[tuple[str, str], HotRoute] = {}
        self._last: dict[tuple[str, str], tuple[HotRoute, str]] = {}

    @property
    def paths(self) -> list[tuple[str, str]]:
        """Method and template of each."""
        return [*self._exact, *((m, route.path) for (m, _), (route, _) in self._last.items())]

    def add(self, method: str, path: str, answer: Answer) -> None:
        """``path`` as FastAPI writes it; its last segment alone may be a parameter."""
        route = HotRoute(path, answer)
        head, _, last = path.rpartition("/")
        if last.startswith("{"):
            self._last[method, head] = (route, last[1:-1])
        else:
            self._exact[method, path] = route

    def find(self, scope: Scope) -> HotRoute | None:
        """The route of a request; leaves a parameter in ``path_params``, as FastAPI does."""
        method, path = scope["method"], scope["path"]
        found = self._exact.get((method, path))
        if found is not None:
            scope["path_params"] = _NOTHING
            return found
        head, _, last = path.rpartition("/")
        with_last = self._last.get((method, head)) if last else None
        if with_last is None:
            return None
        route, name = with_last
        scope["path_params"] = {name: last}
        return route
