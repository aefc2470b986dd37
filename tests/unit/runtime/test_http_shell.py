"""The HTTP shell: keys, problem documents, bodies, probes, metrics."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Annotated, Any

import asyncpg
import httpx
import pytest
from fastapi import Depends, FastAPI, Request
from openapi_spec_validator import validate
from prometheus_client.parser import text_string_to_metric_families
from pydantic import BaseModel

from services.runtime.admission import Admission, Unproven
from services.runtime.apikeys import KeyRing, Principal, Scope
from services.runtime.health import Health
from services.runtime.http import Problem, create_app, json_only, read_body, require
from services.runtime.metrics import Metrics


class Form(BaseModel):
    email: str
    age: int = 0


@pytest.fixture
def keys() -> KeyRing:
    ring = KeyRing()

    def add(kind: str, key_id: str, secret: str, source: str | None, *scopes: Scope) -> None:
        principal = Principal(key_id, key_id, source, frozenset(scopes))
        ring._keys[f"{kind}_{key_id}"] = (hashlib.sha256(secret.encode()).digest(), principal)

    add("hr", "writer", "s_1", None, Scope.LEADS_WRITE)
    add("hr", "reader", "s2", None, Scope.DECISIONS_READ)
    add("hrp", "page", "s3", "website", Scope.LEADS_WRITE)
    ring.loaded = True
    return ring


@pytest.fixture
def app(keys: KeyRing) -> FastAPI:
    app = create_app("test", metrics=Metrics(), keys=keys)

    @app.post("/v1/leads")
    async def leads(
        form: Form, principal: Annotated[Principal, Depends(require(Scope.LEADS_WRITE))]
    ) -> dict[str, Any]:
        return {"by": principal.key_id, "source": principal.source}

    @app.post("/hooks/{source}")
    async def hooks(source: str, request: Request) -> dict[str, int]:
        return {"bytes": len(await read_body(request, 10, 0.2))}

    @app.get("/crash")
    async def crash() -> None:
        raise ValueError("canary.person@example.com")

    @app.get("/busy")
    async def busy() -> None:
        raise Problem(429, "Busy", "Later.", headers={"Retry-After": "3"}, limit=500)

    return app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def problem(response: httpx.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = response.json()
    assert document["status"] == status
    assert document["type"] == "about:blank"
    assert document["title"]
    return document


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Basic aHI6eA=="},
        bearer(""),
        bearer("hr_writer_wrong"),
        bearer("hr_nobody_s_1"),
        bearer("hrp_writer_s_1"),
        bearer("hr_page_s3"),
        bearer("nonsense"),
    ],
)
async def test_401(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    response = await client.post("/v1/leads", json={"email": "a@b.c"}, headers=headers)
    problem(response, 401)
    assert response.headers["www-authenticate"].startswith("Bearer")


async def test_403_names_the_scope(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/leads", json={}, headers=bearer("hr_reader_s2"))
    assert problem(response, 403)["scope"] == "leads:write"


async def test_a_key_says_who_asks_and_for_which_source(client: httpx.AsyncClient) -> None:
    good = await client.post("/v1/leads", json={"email": "x"}, headers=bearer("hr_writer_s_1"))
    assert good.json() == {"by": "writer", "source": None}
    page = await client.post("/v1/leads", json={"email": "x"}, headers=bearer("hrp_page_s3"))
    assert page.json() == {"by": "page", "source": "website"}


async def test_no_key_is_refused_before_the_keys_are_known(app: FastAPI) -> None:
    app.state.keys = KeyRing()
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        response = await client.post("/v1/leads", json={}, headers=bearer("hr_writer_s_1"))
    problem(response, 503)


async def test_422_names_each_field_and_repeats_no_value(client: httpx.AsyncClient) -> None:
    sent = {"age": "Kanary"}
    response = await client.post("/v1/leads", json=sent, headers=bearer("hr_writer_s_1"))
    document = problem(response, 422)
    assert {fault["field"] for fault in document["errors"]} == {"email", "age"}
    assert "Kanary" not in response.text


async def test_a_body_that_is_no_json_is_a_400(client: httpx.AsyncClient) -> None:
    headers = {**bearer("hr_writer_s_1"), "content-type": "application/json"}
    problem(await client.post("/v1/leads", content=b"{", headers=headers), 400)


async def test_every_other_fault_is_a_problem_document_too(client: httpx.AsyncClient) -> None:
    problem(await client.get("/nowhere"), 404)
    problem(await client.get("/v1/leads"), 405)
    assert "example.com" not in str(problem(await client.get("/crash"), 500))
    busy = await client.get("/busy")
    assert problem(busy, 429)["limit"] == 500
    assert busy.headers["retry-after"] == "3"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ConnectionRefusedError("canary"), 503),
        (TimeoutError(), 503),
        (asyncpg.CannotConnectNowError("canary"), 503),
        (asyncpg.DeadlockDetectedError("canary"), 503),
        (asyncpg.UniqueViolationError("canary"), 500),
        (asyncpg.UndefinedTableError("canary"), 500),
        (FileNotFoundError(2, "canary", "a file"), 500),
        (KeyError("canary"), 500),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_whoever_asks_while_the_database_is_away_is_told_to_come_again(
    app: FastAPI, client: httpx.AsyncClient, error: Exception, status: int
) -> None:
    @app.get("/breaks")
    async def breaks() -> None:
        raise error

    answer = await client.get("/breaks")
    assert "canary" not in str(problem(answer, status))
    assert answer.headers.get("retry-after") == ("1" if status == 503 else None)


async def test_a_body_is_cut_off_at_the_limit(client: httpx.AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"12345"

    assert (await client.post("/hooks/x", content=b"1234567890")).json() == {"bytes": 10}
    problem(await client.post("/hooks/x", content=b"12345678901"), 413)
    problem(await client.post("/hooks/x", content=endless()), 413)


async def test_a_slow_body_is_a_408() -> None:
    """Over ASGI itself: httpx sends a body as a whole."""
    never = asyncio.Event()

    async def receive() -> Any:
        await never.wait()

    request = Request({"type": "http", "method": "POST", "headers": []}, receive)
    with pytest.raises(Problem) as caught:
        await read_body(request, 10, 0.05)
    assert caught.value.status == 408


async def test_probes_answer_while_the_service_starts_and_nothing_else_does() -> None:
    health = Health("capture")
    app = create_app("test", metrics=Metrics(), health=health)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        assert (await client.get("/live")).status_code == 200
        ready = await client.get("/ready")
        assert (ready.status_code, ready.json()["waiting_for"]) == (503, ["starting"])
        response = await client.post("/v1/leads")
        problem(response, 503)
        assert response.headers["retry-after"] == "1"
        health.starting = None
        assert (await client.get("/ready")).status_code == 200
        problem(await client.post("/v1/leads"), 404)


async def test_answers_are_timed_by_route_and_never_by_path(client: httpx.AsyncClient) -> None:
    await client.post("/hooks/typeform", content=b"1")
    await client.get("/some/secret/path")
    text = (await client.get("/metrics")).text
    (family,) = (
        f for f in text_string_to_metric_families(text) if f.name == "handraise_http_answer_seconds"
    )
    routes = {(s.labels["route"], s.labels["status"]) for s in family.samples}
    assert ("/hooks/{source}", "200") in routes
    assert ("none", "404") in routes
    assert "typeform" not in text
    assert "secret" not in text


def test_the_openapi_document_is_valid_and_names_every_scope(app: FastAPI) -> None:
    document = app.openapi()
    validate(document)
    leads = document["paths"]["/v1/leads"]["post"]
    assert leads["x-required-scope"] == "leads:write"
    assert leads["security"] == [{"key": ["leads:write"]}]
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    for operations in document["paths"].values():
        for operation in operations.values():
            assert "application/problem+json" in operation["responses"]["default"]["content"]
            assert "422" not in operation["responses"]


async def test_a_body_that_the_framework_reads_is_bounded(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    app.state.max_body = 1_000
    headers = {"authorization": "Bearer hr_writer_s_1"}
    fits = await client.post("/v1/leads", json={"email": "x" * 900}, headers=headers)
    assert fits.status_code == 200

    async def endless() -> AsyncIterator[bytes]:
        yield b'{"email": "'
        for _ in range(50):
            yield b"x" * 100

    large = await client.post("/v1/leads", content=endless(), headers=headers)
    assert (large.status_code, large.json()["title"]) == (413, "Too large")
    assert large.headers["content-type"] == "application/problem+json"


@pytest.fixture
def room_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Admission.__init__, "__defaults__", (1,))


async def test_beyond_what_can_be_worked_on_a_newcomer_hears_503(
    room_for_one: None, app: FastAPI, client: httpx.AsyncClient
) -> None:
    held, entered = asyncio.Event(), asyncio.Event()

    @app.post("/held")
    async def hold(request: Request) -> None:
        await request.body()
        entered.set()
        await held.wait()

    running = asyncio.create_task(client.post("/held", content=b"x"))
    await entered.wait()
    busy = await client.post("/hooks/x", content=b"x")
    assert (busy.status_code, busy.headers["retry-after"]) == (503, "1")
    assert (await client.get("/live")).status_code == 200
    held.set()
    assert (await running).status_code == 200
    assert (await client.post("/hooks/x", content=b"x")).status_code == 200


async def test_a_network_that_proves_nothing_is_told_to_wait_and_who_has_a_key_is_not(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    app.state.unproven = Unproven(app.state.clients, clock=lambda: 7.0)

    async def ask(key: str) -> httpx.Response:
        headers = {"authorization": f"Bearer {key}"}
        return await client.post("/v1/leads", json={"email": "e"}, headers=headers)

    statuses = [(await ask(f"hr_guess_{n}")).status_code for n in range(260)]
    assert statuses == [401] * 200 + [429] * 60
    refused = await ask("hr_guess_x")
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) >= 1
    assert (await ask("hr_writer_s_1")).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": "application/json"}, 200),
        ({"content-type": "application/json; charset=UTF-8"}, 200),
        ({}, 415),
        ({"content-type": "application/vnd.ours+json"}, 200),
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({"content-type": "application/json; charset=utf-16"}, 415),
        ({"content-type": "application/json", "content-encoding": "gzip"}, 415),
    ],
)
async def test_only_json_in_utf_8_is_read(
    app: FastAPI, client: httpx.AsyncClient, headers: dict[str, str], status: int
) -> None:
    @app.post("/json", dependencies=[Depends(json_only)])
    async def read(form: dict[str, str]) -> int:
        return len(form)

    answer = await client.post("/json", content=b'{"email": "e"}', headers=headers)
    assert answer.status_code == status
    if status == 415:
        assert answer.json()["title"] == "Unsupported media type"
