"""``docs/openapi.json`` is valid and whole, and its keys and scopes are what the routes ask for."""

from __future__ import annotations

import hashlib
import json
import re
from functools import cache
from typing import Any

import httpx
import pytest
from openapi_spec_validator import validate

from services.cli.docs import openapi
from services.cli.docs.__main__ import ROOT
from services.runtime.admission import Unproven
from services.runtime.apikeys import Principal, Scope
from services.runtime.shell import PROBES
from tests.support.grafana import DEPLOY

DOCUMENT: dict[str, Any] = json.loads((ROOT / "docs" / "openapi.json").read_text("utf-8"))
OPERATIONS = [
    (method, path, operation)
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
    if method != "servers"
]
PROVEN_OTHERWISE = {
    "/v1/act/{token}",  # the token is the proof: a rep's browser has no key
    "/v1/slack/interactions",  # signed by Slack
    "/v1/submissions/{submission_id}",  # a token that was given with the acceptance
}
KEYED = [
    pytest.param(method, path, operation, id=f"{method.upper()} {path}")
    for method, path, operation in OPERATIONS
    if path.startswith("/v1") and path not in PROVEN_OTHERWISE
]
SECRET = "not-a-secret"


application = cache(openapi.application)
"""One per service: each asks hundreds of times."""


def service_of(path: str) -> str:
    (server,) = DOCUMENT["paths"][path]["servers"]
    return str(server["description"])


def client(path: str, scopes: frozenset[Scope] = frozenset()) -> httpx.AsyncClient:
    """Of the service of ``path``; the key ``hr_walk_…`` has the given scopes."""
    app = application(service_of(path))
    principal = Principal("walk", "walk", None, scopes)
    app.state.keys._keys["hr_walk"] = (hashlib.sha256(SECRET.encode()).digest(), principal)
    app.state.keys.loaded = True
    # Of what one network may fail to prove, the walk would use up the last.
    app.state.unproven = Unproven(app.state.clients)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://handraise.test")


def concrete(path: str) -> str:
    return re.sub(r"\{\w+\}", "3ed87483-759c-5460-80d4-c5fd918062e2", path)


async def ask(method: str, path: str, key: str | None, scopes: frozenset[Scope]) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with client(path, scopes) as http:
        return await http.request(method, concrete(path), headers=headers, json={})


def test_the_document_is_valid() -> None:
    validate(DOCUMENT)


def test_every_documented_route_is_served_and_every_served_one_documented() -> None:
    documented = {(method, path) for method, path, _ in OPERATIONS}
    served = {
        (method, path)
        for service in openapi.ROUTERS
        for path, operations in openapi.application(service).openapi()["paths"].items()
        for method in operations
    }
    assert documented == served
    assert {("post", "/v1/leads"), ("post", "/hooks/{source}")} <= documented
    assert {("get", probe) for probe in PROBES} <= documented


def test_the_ports_are_those_that_compose_publishes() -> None:
    compose = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    for port in openapi.PORTS.values():
        assert f'"127.0.0.1:{port}:8080"' in compose


def test_every_operation_answers_faults_with_problem_documents() -> None:
    for method, path, operation in OPERATIONS:
        problem = operation["responses"]["default"]["content"]
        assert set(problem) == {"application/problem+json"}, f"{method} {path}"


def test_every_operation_says_that_it_may_have_to_be_tried_again() -> None:
    for method, path, operation in OPERATIONS:
        assert ("503" in operation["responses"]) == (path not in PROBES), f"{method} {path}"
        assert {"401", "403"} <= operation[
            "responses"
        ].keys() or "x-required-scope" not in operation


def test_all_of_v1_needs_a_key_and_nothing_else_does() -> None:
    for _method, path, operation in OPERATIONS:
        keyed = path.startswith("/v1") and path not in PROVEN_OTHERWISE
        proofs = {name for one in operation.get("security", ()) for name in one}
        assert keyed == ("key" in proofs), path
        if keyed:
            assert Scope(operation["x-required-scope"])


@pytest.mark.parametrize(("method", "path", "operation"), KEYED)
@pytest.mark.parametrize("key", [None, "hr_walk_wrong", "hr_nobody_x", "nonsense"])
async def test_without_a_valid_key_it_is_401(
    method: str, path: str, operation: dict[str, Any], key: str | None
) -> None:
    answer = await ask(method, path, key, frozenset(Scope))
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(("method", "path", "operation"), KEYED)
async def test_with_every_scope_but_the_right_one_it_is_403(
    method: str, path: str, operation: dict[str, Any]
) -> None:
    needed = Scope(operation["x-required-scope"])
    answer = await ask(method, path, f"hr_walk_{SECRET}", frozenset(Scope) - {needed})
    assert answer.status_code == 403
    assert answer.json()["scope"] == needed


@pytest.mark.parametrize(("method", "path", "operation"), KEYED)
async def test_with_the_right_scope_alone_the_door_opens(
    method: str, path: str, operation: dict[str, Any]
) -> None:
    needed = Scope(operation["x-required-scope"])
    answer = await ask(method, path, f"hr_walk_{SECRET}", frozenset({needed}))
    assert answer.status_code not in (401, 403), "behind the door, something else may be missing"


def test_two_meanings_of_one_name_are_refused() -> None:
    target = {"Act": {"type": "object"}}
    openapi._place(target, "Act", {"type": "object"})
    with pytest.raises(openapi.Conflict, match="Act"):
        openapi._place(target, "Act", {"type": "string"})
