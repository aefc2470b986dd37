"""An address with a slash behind it is the address; one with NUL in it is none."""

from __future__ import annotations

import httpx
import pytest

from services.runtime.http import create_app
from services.runtime.metrics import Metrics
from tests.fuzz.installation import KEY, Memory, application, configuration


@pytest.mark.parametrize("path", ["/live", "/live/", "/live//"])
async def test_a_slash_behind_an_address_changes_nothing(path: str) -> None:
    app = create_app("test", metrics=Metrics())
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://t") as http:
        assert (await http.get(path)).status_code == 200
        assert (await http.get("/")).status_code == 404


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/leads/", 200),
        ("/hooks/typeform_demo/", 401),
        ("/hooks/nobody/", 401),
        ("/hooks/", 404),
    ],
)
async def test_no_door_answers_with_a_redirect(path: str, status: int) -> None:
    transport = httpx.ASGITransport(app=application(configuration(), {}, Memory()))
    headers = {"authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://t") as http:
        answer = await http.post(path, json={"email": "dana@northwind.example"}, headers=headers)
        assert answer.status_code == status


async def test_what_no_text_can_hold_is_asked_of_no_database() -> None:
    app = create_app("test", metrics=Metrics())

    @app.get("/v1/things/{name}")
    async def thing(name: str) -> None:
        raise AssertionError(f"asked for {name!r}")

    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://t") as http:
        assert (await http.get("/v1/things/%00")).status_code == 404
