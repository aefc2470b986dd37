"""A hot route answers as the same function does through the framework that declares it."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, cast

import httpx
import pytest
from fastapi import Depends, FastAPI, Request, Response
from prometheus_client.parser import text_string_to_metric_families
from starlette.datastructures import Headers
from starlette.types import Message

from services.capture import http as capture
from services.runtime.apikeys import KeyRing, Principal, Scope
from services.runtime.hotroutes import HotRoute, HotRoutes
from services.runtime.http import Problem, create_app, holder, read_body, require
from services.runtime.metrics import Metrics

WRITER = {"Authorization": "Bearer hr_writer_s1"}
READER = {"Authorization": "bearer  hr_reader_s2 "}
REQUESTS: dict[str, tuple[str, str, dict[str, str], bytes]] = {
    "taken": ("POST", "/v1/things?a=b", WRITER, b"{}"),
    "no key": ("POST", "/v1/things", {}, b"{}"),
    "no word": ("POST", "/v1/things", {"Authorization": "Basic hr_writer_s1"}, b"{}"),
    "nothing behind the word": ("POST", "/v1/things", {"Authorization": "Bearer "}, b"{}"),
    "unknown key": ("POST", "/v1/things", {"Authorization": "Bearer hr_writer_s2"}, b"{}"),
    "wrong scope": ("POST", "/v1/things", READER, b"{}"),
    "too large": ("POST", "/v1/things", WRITER, b"x" * 200),
    "a fault of ours": ("POST", "/v1/things", WRITER, b"crash"),
    "another method": ("GET", "/v1/things", WRITER, b""),
    "another path": ("POST", "/v1/things/", WRITER, b"{}"),
    "a name": ("POST", "/hooks/web.site", {}, b"{}"),
    "an encoded name": ("POST", "/hooks/a%20b%C3%A9", {}, b"{}"),
    "no name": ("POST", "/hooks/", {}, b"{}"),
    "two names": ("POST", "/hooks/a/b", {}, b"{}"),
    "two names, encoded": ("POST", "/hooks/a%2Fb", {}, b"{}"),
}


def application(*, hot: bool) -> FastAPI:
    keys = KeyRing()
    for name, secret, scope in (
        ("writer", "s1", Scope.LEADS_WRITE),
        ("reader", "s2", Scope.DECISIONS_READ),
    ):
        principal = Principal(name, name, None, frozenset({scope}))
        keys._keys[f"hr_{name}"] = (hashlib.sha256(secret.encode()).digest(), principal)
    keys.loaded = True
    app = create_app("test", metrics=Metrics(), keys=keys)

    async def take(request: Request, principal: Principal) -> Response:
        raw = await read_body(request, 100)
        if raw == b"crash":
            raise ValueError("a fault of ours")
        return Response(f"{principal.key_id} {raw!r} {request.query_params}")

    async def hooked(request: Request, source: str) -> Response:
        if source == "a b\u00e9":
            raise Problem(429, "Busy", "Later.", headers={"Retry-After": "3"}, source=source)
        return Response(source)

    @app.post("/v1/things")
    async def things(
        request: Request, principal: Annotated[Principal, Depends(require(Scope.LEADS_WRITE))]
    ) -> Response:
        return await take(request, principal)

    app.post("/hooks/{source}")(hooked)
    if hot:
        app.state.hot.add(
            "POST", "/v1/things", lambda ask: take(ask, holder(ask, Scope.LEADS_WRITE))
        )
        app.state.hot.add(
            "POST", "/hooks/{source}", lambda ask: hooked(ask, ask.path_params["source"])
        )
    return app


async def answers(app: FastAPI) -> dict[str, Any]:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        found: dict[str, Any] = {}
        for name, (method, path, headers, body) in REQUESTS.items():
            answer = await client.request(method, path, headers=headers, content=body)
            found[name] = (answer.status_code, dict(answer.headers), answer.content)
        counted = (await client.get("/metrics")).text
    found["metrics"] = {
        (sample.labels["route"], sample.labels["status"]): sample.value
        for family in text_string_to_metric_families(counted)
        for sample in family.samples
        if sample.name == "handraise_http_answer_seconds_count"
    }
    return found


async def test_a_hot_route_answers_as_the_declared_one() -> None:
    declared, hot = await answers(application(hot=False)), await answers(application(hot=True))
    assert hot == declared
    assert declared["taken"][0] == 200
    assert declared["metrics"]


def test_every_hot_route_of_capture_is_declared() -> None:
    hot = HotRoutes()
    app = create_app("test", metrics=Metrics())
    app.include_router(capture.router(cast(capture.Doors, None), hot))
    described = app.openapi()["paths"]
    assert hot.paths
    for method, path in hot.paths:
        assert method.lower() in described[path]


@pytest.mark.parametrize("path", ["/v1/thing", "/hooks", "/hook/a", "/v1/things/x"])
def test_what_is_not_hot_is_left_to_the_framework(path: str) -> None:
    routes: HotRoutes = application(hot=True).state.hot
    scope = {"method": "POST", "path": path}
    assert routes.find(scope) is None
    assert "path_params" not in scope


async def test_a_hot_route_passes_no_layer_of_the_framework() -> None:
    app = application(hot=True)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        assert (await client.post("/v1/things", headers=WRITER, content=b"{}")).status_code == 200
        assert app.middleware_stack is None
        assert (await client.get("/live")).status_code == 200
        assert app.middleware_stack is not None


async def test_a_hot_route_finds_headers_as_the_framework_does() -> None:
    raw = [(b"accept", b"a/b"), (b"x-one", b"first"), (b"x-one", b"second"), (b"x-\xe9", b"\xe9")]
    plain = Headers(raw=raw)
    seen: list[Headers] = []

    async def look(request: Request) -> Response:
        seen.append(request.headers)
        return Response()

    route = HotRoute("/x", look)
    scope = {"type": "http", "method": "POST", "path": "/x", "headers": raw}

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(_: Message) -> None:
        return None

    await route(scope, receive, send)
    for name in ("accept", "X-One", "x-\xe9", "absent"):
        assert seen[0].get(name, "none") == plain.get(name, "none")
        assert (name in seen[0]) is (name in plain)
    assert seen[0].getlist("x-one") == ["first", "second"]
    with pytest.raises(KeyError):
        seen[0]["absent"]
