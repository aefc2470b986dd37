"""The HTTP shell of every process: probes, metrics, keys, bodies, and problem documents."""

from __future__ import annotations

import math
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from fastapi import FastAPI, Request, Response, Security
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse, PlainTextResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import ClientDisconnect

from services.runtime import problems
from services.runtime.admission import MAX_BODY, Unproven
from services.runtime.apikeys import KeyRing, Principal, Scope
from services.runtime.deadlines import promptly
from services.runtime.health import Health
from services.runtime.hotroutes import HotRoutes
from services.runtime.metrics import Metrics
from services.runtime.networks import Clients, Network
from services.runtime.problems import MEDIA_TYPE, Problem, invalid, unauthorized
from services.runtime.server import HttpServer, PortInUse, serve
from services.runtime.shell import PROBES, Shell, ShelledApp, no_more

_CHARSET: Final = re.compile(r"charset\s*=\s*\"?([\w-]+)")
_EVERYWHERE: Final = {
    "503": {
        "description": "The database did not answer, too much is being worked on, or the process is"
        " starting; nothing is known to have changed. `Retry-After` says when to try again."
    }
}
_WITH_A_KEY: Final = {
    "401": {"description": "There is no API key, or none that is valid."},
    "403": {"description": "The key lacks the scope."},
}
"""What every operation answers, and each that takes a key, where it says nothing better."""
BODY_SECONDS: Final = 6.0
"""For a whole body."""
_BEARER: Final = HTTPBearer(auto_error=False, scheme_name="key", description="An API key.")


def create_app(
    title: str,
    *,
    metrics: Metrics,
    health: Health | None = None,
    keys: KeyRing | None = None,
    version: str = "1",
    proxies: Sequence[Network] = (),
) -> FastAPI:
    """An application with probes and metrics, in which every error is a problem document.

    ``app.state.max_body`` (bytes) bounds every request; ``app.state.more_headers`` gives, by the
    request's scope, what belongs onto its answer, whoever makes it. Until ``health.starting`` is
    None every other path answers 503, so that no sender takes the 404 of a process that is still
    starting for the last word.

    :param proxies: networks whose ``X-Forwarded-For`` names the client.
    """
    health, hot = health or Health(title, starting=None), HotRoutes()
    shell = Shell(health, metrics.answer, hot)
    app = ShelledApp(shell, hot, title=title, version=version, docs_url=None, redoc_url=None)
    app.state.metrics = metrics
    app.state.health = health
    app.state.keys = keys or KeyRing()
    app.state.max_body = MAX_BODY
    app.state.more_headers = no_more
    app.state.clients = Clients(proxies)
    app.state.unproven = Unproven(app.state.clients)
    problems.install(app)
    app.state.hot = hot
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    _add_probes(app)
    return app


def require(scope: Scope) -> Callable[..., Awaitable[Principal]]:
    """A dependency, ``Depends(require(Scope.X))``: the holder of a key that has ``scope``.

    401 without a key or with one that is not valid, 403 without the scope, 503 while the keys are
    not known yet.
    """

    async def principal(
        request: Request,
        # For the document. A default, not an annotation: those are text here, and could not name
        # ``scope``.
        _: HTTPAuthorizationCredentials | None = Security(_BEARER, scopes=[scope.value]),  # noqa: B008
    ) -> Principal:
        return holder(request, scope)

    return principal


def holder(request: Request, scope: Scope) -> Principal:
    """Who sent the request; what :func:`require` does, for hot routes.

    :raises Problem: 401, 403 or 503.
    """
    keys: KeyRing = request.app.state.keys
    given = request.headers.get("authorization", "")
    kind, _, token = given.partition(" ")
    if kind.lower() != "bearer" or not (token := token.strip()):
        raise _unproven(request, "An API key is needed: Authorization: Bearer <key>.")
    found = keys.authenticate(token)
    if found is None and not keys.loaded:
        raise Problem(503, "Starting", "The keys are not loaded.", headers={"Retry-After": "1"})
    if found is None:
        raise _unproven(request, "This API key is not known or was revoked.")
    if scope not in found.scopes:
        raise Problem(403, "Forbidden", f"This key lacks the scope {scope}.", scope=scope)
    return found


def _unproven(request: Request, detail: str) -> Problem:
    wait = request.app.state.unproven.charge(request.scope)
    return too_many_unproven(wait) if wait > 0 else unauthorized(detail)


def too_many_unproven(wait: float) -> Problem:
    """429 for a network that proves nothing, again and again. ``wait``: seconds."""
    return Problem(
        429,
        "Too many requests",
        "Too many requests of this network were not proven.",
        headers={"Retry-After": str(max(1, math.ceil(wait)))},
    )


def check_json(request: Request) -> None:
    """JSON in UTF-8 and not compressed, by whatever name; a body without any name is read as it.

    :raises Problem: 415.
    """
    named = request.headers.get("content-type", "")
    # What nearly everybody says is known without reading it.
    if named != "application/json" and not _is_json(named.lower()):
        raise Problem(415, "Unsupported media type", "Send application/json in UTF-8.")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Problem(415, "Unsupported media type", "Send the body uncompressed.")


def _is_json(content_type: str) -> bool:
    media, _, parameters = content_type.partition(";")
    media = media.strip()
    json = media in ("", "application/json", "text/json") or media.endswith("+json")
    charset = _CHARSET.search(parameters)
    return json and (charset is None or charset.group(1) in ("utf-8", "utf8", "us-ascii"))


def json_only(request: Request) -> None:
    """A dependency of routes whose bodies the framework reads: it takes only JSON that is named."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != "application/json" and not (
        media.startswith("application/") and media.endswith("+json")
    ):
        raise Problem(415, "Unsupported media type", "Send application/json in UTF-8.")
    check_json(request)


async def read_body(request: Request, limit: int, deadline: float = BODY_SECONDS) -> bytes:
    """The raw body, refused while it streams in.

    :param limit: bytes; 413 beyond.
    :param deadline: seconds for the whole body; 408 beyond.
    """
    closing = {"Connection": "close"}  # what is left of the body is not read

    def too_large() -> Problem:
        return Problem(413, "Too large", f"The limit is {limit} bytes.", headers=closing)

    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise too_large()
    try:
        return await promptly(_whole(request, limit, too_large), deadline)
    except TimeoutError:
        raise Problem(
            408, "Too slow", f"The body took longer than {deadline:g} s.", headers=closing
        ) from None
    except ClientDisconnect:
        raise Problem(400, "Incomplete", "The connection was closed in mid-body.") from None


async def _whole(request: Request, limit: int, too_large: Callable[[], Problem]) -> bytes:
    body = b""
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body, more = message.get("body", b""), message.get("more_body", False)
        parts.append(body)
        size += len(body)
        if size > limit:
            raise too_large()
    return body if len(parts) == 1 else b"".join(parts)


def _add_probes(app: FastAPI) -> None:
    health: Health = app.state.health
    metrics: Metrics = app.state.metrics

    @app.get("/live", tags=["probes"], summary="Whether the process runs.")
    async def live() -> JSONResponse:
        return JSONResponse({"status": "alive", "service": health.service})

    @app.get("/ready", tags=["probes"], summary="Whether all that the process needs works.")
    async def ready() -> JSONResponse:
        good, body = await health.report()
        return JSONResponse(body, 200 if good else 503)

    @app.get(
        "/metrics",
        tags=["probes"],
        summary="Prometheus metrics.",
        response_class=PlainTextResponse,
    )
    async def exposition(request: Request) -> Response:
        body, media_type = await metrics.render(request.headers.get("accept", ""))
        return Response(body, media_type=media_type)


def _openapi(app: FastAPI) -> dict[str, Any]:
    """The document, with problem documents and the scope that each operation needs."""
    if app.openapi_schema:
        return app.openapi_schema
    document = get_openapi(title=app.title, version=app.version, routes=app.routes)
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Problem"] = problems.document_schema()
    refused = {
        "description": "What is wrong, as a problem document.",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for path, operations in document["paths"].items():
        for operation in operations.values():
            known = {} if path in PROBES else _EVERYWHERE
            for scope in operation.get("security", [{}])[0].get(_BEARER.scheme_name, ()):
                operation["x-required-scope"] = scope
                known = known | _WITH_A_KEY
            said = known | operation["responses"] | {"default": refused}
            said.pop("422", None)
            operation["responses"] = dict(sorted(said.items()))
    app.openapi_schema = document
    return document


__all__ = [
    "HttpServer",
    "PortInUse",
    "Principal",
    "Problem",
    "Scope",
    "check_json",
    "create_app",
    "holder",
    "invalid",
    "json_only",
    "read_body",
    "require",
    "serve",
    "too_many_unproven",
]
