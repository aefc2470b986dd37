"""The one OpenAPI document of all HTTP routes, merged from the services' own. Pure.

Each service serves its part; the paths say which by their ``servers``. The probes, which every
process has, are in it once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from fastapi import APIRouter, FastAPI

from services.capture import http as capture
from services.delivery import http as delivery
from services.enrichment import http as enrichment
from services.routing import (
    accounts_http,
    claims_http,
    config_http,
    experiments_http,
    fairness_http,
    merge_http,
    review_http,
    territories_http,
)
from services.routing import http as routing
from services.runtime.hotroutes import HotRoutes
from services.runtime.http import create_app
from services.runtime.metrics import Metrics
from services.runtime.shell import PROBES
from services.scoring import http as scoring

Node = dict[str, Any]


# Declaring routes asks nothing of what they need when they are called.
def _routing() -> APIRouter:
    routes = APIRouter()
    routes.include_router(routing.router(cast(routing.Ask, None), *2 * [cast(Any, None)]))
    routes.include_router(accounts_http.router(cast(Any, None)))
    routes.include_router(fairness_http.router(cast(Any, None)))
    routes.include_router(config_http.router(*2 * [cast(Any, None)]))
    routes.include_router(review_http.router(cast(Any, None)))
    routes.include_router(territories_http.router(*2 * [cast(Any, None)]))
    routes.include_router(experiments_http.router(*2 * [cast(Any, None)]))
    routes.include_router(claims_http.router(*2 * [cast(Any, None)]))
    routes.include_router(merge_http.router(cast(Any, None)))
    return routes


ROUTERS: Mapping[str, Callable[[], APIRouter]] = {
    "capture": lambda: capture.router(cast(capture.Doors, None), HotRoutes()),
    "routing": _routing,
    "scoring": lambda: scoring.router(cast(Any, None)),
    "enrichment": lambda: enrichment.router(cast(Any, None)),
    "delivery": lambda: delivery.router(cast(delivery.Doors, None)),
}
PORTS = {"capture": 8080, "routing": 8081, "delivery": 8082, "scoring": 8083, "enrichment": 8084}
"""Where ``deploy/compose.yaml`` publishes each; ``handraise up`` prints its own."""

_ABOUT = """\
`/v1` takes an API key (`Authorization: Bearer`, made by `handraise keys create`) with the scope of
`x-required-scope`; `/hooks` takes the signature of the source. Faults are problem documents (RFC
9457). A 200 for a lead is sent only after it is durable. `servers` says which process answers."""


class Conflict(ValueError):
    """Two services give one name two meanings."""


def application(service: str) -> FastAPI:
    """The service's routes on an application of their own, which can answer nothing."""
    app = create_app(f"Handraise {service}", metrics=Metrics())
    app.include_router(ROUTERS[service]())
    return app


def document(version: str) -> Node:
    """The whole OpenAPI document.

    :raises Conflict: where two services give the same path or component two meanings.
    """
    paths: Node = {}
    components: dict[str, Node] = {}
    for service in ROUTERS:
        part = application(service).openapi()
        for path, operations in part["paths"].items():
            _place(paths, path, operations if path in PROBES else _served(operations, service))
        for sort, named in part.get("components", {}).items():
            for name, body in named.items():
                _place(components.setdefault(sort, {}), name, body)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Handraise HTTP",
            "version": version,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [_server(service) for service in ROUTERS],
        "paths": dict(sorted(paths.items())),
        "components": {sort: dict(sorted(named.items())) for sort, named in components.items()},
    }


def _served(operations: Node, service: str) -> Node:
    return {"servers": [_server(service)], **operations}


def _server(service: str) -> Node:
    return {"url": f"http://127.0.0.1:{PORTS[service]}", "description": service}


def _place(target: Node, name: str, body: Any) -> None:
    if target.setdefault(name, body) != body:
        raise Conflict(f"{name} means two things")
