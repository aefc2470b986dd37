"""Whatever a page is answered it can read, from the pages that are allowed and from no others."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import httpx
import pytest
from fastapi import FastAPI

from schemas.submission import SubmissionReceived
from services.capture.acceptance import Accepted, BothDown
from services.capture.spool import SpoolFull
from services.runtime.admission import Admission
from tests.fuzz.installation import KEY, Memory, application, configuration
from tests.fuzz.seeds import SUBMISSION

ORIGIN = "https://www.northwind.example"
LEAD = {"email": "dana@northwind.example"}
HEADERS = {"origin": ORIGIN, "authorization": f"Bearer {KEY}"}


class Failing(Memory):
    """Both stores, with the fault that a test wants."""

    def __init__(self, fault: Exception | None = None) -> None:
        super().__init__()
        self.fault = fault

    async def accept_all(
        self, submissions: Sequence[SubmissionReceived], traceparent: str | None
    ) -> list[Accepted]:
        if self.fault:
            raise self.fault
        return await super().accept_all(submissions, traceparent)


def doors(fault: Exception | None = None) -> FastAPI:
    read = replace(configuration(), origins=frozenset({ORIGIN}))
    return application(read, {}, Failing(fault))


async def ask(app: FastAPI, method: str, path: str, **what: object) -> httpx.Response:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://c", headers=HEADERS) as http:
        return await http.request(method, path, **what)  # type: ignore[arg-type]


async def endless() -> AsyncIterator[bytes]:
    for _ in range(40):
        yield b"x" * 50_000


STANDING = f"/v1/submissions/{SUBMISSION}"
ANSWERS: list[tuple[int, str, str, dict[str, object]]] = [
    (200, "POST", "/v1/leads", {"json": LEAD}),
    (204, "OPTIONS", "/v1/leads", {}),
    (204, "OPTIONS", STANDING, {}),
    (400, "POST", "/v1/leads", {"content": b"{"}),
    (400, "POST", "/v1/leads", {"json": LEAD, "headers": {"idempotency-key": " "}}),
    (401, "POST", "/v1/leads", {"json": LEAD, "headers": {"authorization": "Bearer x"}}),
    (401, "GET", STANDING, {}),
    (404, "GET", f"{STANDING}/more", {}),
    (405, "PUT", "/v1/leads", {"json": LEAD}),
    (413, "POST", "/v1/leads", {"content": b"x" * 70_000}),
    (413, "POST", "/v1/leads", {"content": endless()}),
    (413, "POST", STANDING, {"content": endless()}),
    (415, "POST", "/v1/leads", {"content": b"a=b", "headers": {"content-type": "text/plain"}}),
    (422, "POST", "/v1/leads", {"json": {}}),
    (422, "GET", STANDING, {"params": {"wait": "6"}}),
    (422, "GET", "/v1/submissions/x", {}),
]


@pytest.mark.parametrize(
    ("status", "method", "path", "what"), ANSWERS, ids=[f"{a[0]} {a[1]} {a[2]}" for a in ANSWERS]
)
async def test_an_allowed_page_reads_the_answer(
    status: int, method: str, path: str, what: dict[str, object]
) -> None:
    answer = await ask(doors(), method, path, **what)
    assert readable(answer)
    assert answer.status_code == status or (status, answer.status_code) == (413, 405)


@pytest.mark.parametrize(
    ("fault", "status"), [(BothDown(), 503), (SpoolFull(), 429), (RuntimeError(), 500)]
)
async def test_an_allowed_page_reads_that_it_should_come_again(
    fault: Exception, status: int
) -> None:
    answer = await ask(doors(fault), "POST", "/v1/leads", json=LEAD)
    assert (answer.status_code, readable(answer)) == (status, True)


async def test_an_allowed_page_reads_that_we_are_starting_or_busy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = doors()
    app.state.health.starting = "still starting"
    answer = await ask(app, "POST", "/v1/leads", json=LEAD)
    assert (answer.status_code, readable(answer)) == (503, True)
    app.state.health.starting = None
    full = Admission(0).full()
    monkeypatch.setattr(Admission, "full", lambda _: full)
    answer = await ask(app, "GET", STANDING)
    assert (answer.status_code, readable(answer)) == (503, True)


@pytest.mark.parametrize(("path", "origin"), [
    ("/v1/leads", "https://evil.example"),
    ("/v1/leads", "null"),
    ("/v1/leads", ORIGIN.upper()),
    ("/v1/activities", ORIGIN),
    ("/v1/prospects", ORIGIN),
    ("/hooks/website", ORIGIN),
])  # fmt: skip
async def test_nobody_else_does(path: str, origin: str) -> None:
    answer = await ask(doors(), "POST", path, json=LEAD, headers={"origin": origin})
    assert not {name for name in answer.headers if name.startswith("access-control")}


def readable(answer: httpx.Response) -> bool:
    """As a browser judges it, which also must not show it to another site from its cache."""
    allowed = answer.headers.get_list("access-control-allow-origin") == [ORIGIN]
    return (
        allowed
        and answer.headers["access-control-expose-headers"] == "Retry-After"
        and "Origin" in answer.headers["vary"]
    )
