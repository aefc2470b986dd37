"""The register of configurations over HTTP: read, check, go back, call off."""

from __future__ import annotations

from datetime import timedelta

import httpx

from services.routing import config_http
from services.runtime.apikeys import KeyRing, Scope, create
from services.runtime.configstore import ConfigStore, version_of
from services.runtime.http import create_app
from tests.integration.routing.conftest import OpenDesk
from tests.integration.routing.desk import Desk
from tests.integration.routing.leads import files


async def client_of(desk: Desk, *scopes: Scope) -> httpx.AsyncClient:
    keys = KeyRing()
    async with desk.pool.acquire() as connection:
        key = await create(connection, f"ops{len(scopes)}", set(scopes), actor="test")
    await keys.refresh(desk.pool)
    app = create_app("routing", metrics=desk.metrics, keys=keys)
    app.include_router(config_http.router(desk.pool))
    headers = {"Authorization": f"Bearer {key}"}
    transport = httpx.ASGITransport(app=app)
    return httpx.AsyncClient(transport=transport, base_url="http://t", headers=headers)


async def test_versions_are_shown_compared_and_brought_back(open_desk: OpenDesk) -> None:
    old, new = files({"ana": 1}), files({"ana": 1, "ben": 1})
    desk = await open_desk(old)
    await desk.publish(new)
    first, second = version_of(old), version_of(new)
    ops = await client_of(desk, Scope.REPS_ADMIN, Scope.DECISIONS_READ)
    reader = await client_of(desk, Scope.DECISIONS_READ)

    told = (await reader.get("/v1/config/versions")).json()
    assert [(one["version"], one["active"]) for one in told["versions"]] == [
        (second, True),
        (first, False),
    ]
    assert (await reader.get("/v1/config/versions/active")).json()["version"] == second
    lines = (await reader.get("/v1/config/diff", params={"new": first})).json()["diff"]
    assert any(line.startswith("-") and "ben" in line for line in lines)
    assert (await reader.get("/v1/config/versions/nothing")).status_code == 404

    asked = {"version": first, "reason": "ben is not here yet"}
    assert (await reader.post("/v1/config/rollback", json=asked)).status_code == 403
    assert (await ops.post("/v1/config/rollback", json=asked)).json()["version"] == first
    async with desk.pool.acquire() as connection:
        (last, *_) = await ConfigStore().list(connection)
    assert (last.version, last.note, last.active) == (first, "ben is not here yet", True)


async def test_check_names_file_and_line_and_stores_nothing(open_desk: OpenDesk) -> None:
    desk = await open_desk(files())
    reader = await client_of(desk, Scope.DECISIONS_READ)
    broken = {"files": {"routing.yaml": "catch_all: {pool: dsk}\n"}}
    (fault,) = (await reader.post("/v1/config/check", json=broken)).json()["faults"]
    assert (fault["file"], fault["line"]) == ("routing.yaml", 1)
    assert "did you mean desk?" in fault["message"]
    twice = (
        "rules:\n"
        "  - {id: hot, when: {tier: hot}, pool: desk}\n"
        "  - {id: again, when: {tier: hot}, pool: desk}\n"
        "catch_all: {pool: desk}\n"
    )
    made = (await reader.post("/v1/config/check", json={"files": {"routing.yaml": twice}})).json()
    assert made["faults"] == []
    assert any("shadowed rule 'again'" in one["message"] for one in made["findings"])
    assert len((await reader.get("/v1/config/versions")).json()["versions"]) == 1


async def test_what_is_scheduled_is_called_off(open_desk: OpenDesk) -> None:
    desk = await open_desk(files())
    ops = await client_of(desk, Scope.REPS_ADMIN, Scope.DECISIONS_READ)
    async with desk.pool.acquire() as connection:
        now = await connection.fetchval("select now()")
        coming = await ConfigStore().schedule(
            connection, files({"ana": 2}), "maya", "Q1", now + timedelta(days=1)
        )
    (later,) = (await ops.get("/v1/config/versions")).json()["scheduled"]
    assert later["version"] == coming
    assert (await ops.delete(f"/v1/config/scheduled/{coming}")).json()["cancelled"] == 1
    assert (await ops.delete(f"/v1/config/scheduled/{coming}")).status_code == 404
