"""Routes of a service, asked over HTTP with a key of their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import httpx
from fastapi import APIRouter

from services.runtime.apikeys import KeyRing, Scope, create
from services.runtime.http import create_app
from services.runtime.jobs import Jobs
from services.runtime.metrics import Metrics
from services.runtime.server import serve
from tests.support.waiting import eventually

_PATIENT = 90.0


class Client(httpx.AsyncClient):
    """With the header of a key that may not."""

    narrow: dict[str, str]


@asynccontextmanager
async def served(
    pool: asyncpg.Pool, *routers: APIRouter, scopes: set[Scope], metrics: Metrics | None = None
) -> AsyncIterator[Client]:
    """A client that talks to these routes over a socket; its key has the scopes."""
    keys = KeyRing()
    async with pool.acquire() as connection:
        key = await create(connection, "ops", scopes, actor="test")
        other = await create(connection, "narrow", {Scope.LEADS_WRITE}, actor="test")
    await keys.refresh(pool)
    app = create_app("test", metrics=metrics or Metrics(), keys=keys)
    for routes in routers:
        app.include_router(routes)
    server = await serve(app)
    try:
        async with Client(base_url=server.url, timeout=60) as client:
            client.headers["Authorization"] = f"Bearer {key}"
            client.narrow = {"Authorization": f"Bearer {other}"}
            yield client
    finally:
        await server.stop()


@asynccontextmanager
async def worked_off(jobs: Jobs) -> AsyncIterator[None]:
    """Somebody works the queue off meanwhile."""
    working = asyncio.create_task(jobs.run())
    try:
        yield
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


async def ended(web: Client, path: str, asked: dict[str, Any]) -> dict[str, Any]:
    """What came of a request for a computation."""
    answer = await web.post(path, json=asked)
    assert answer.status_code == 202, answer.text
    place = answer.headers["location"]

    async def over() -> dict[str, Any] | None:
        shown = await web.get(place)
        assert shown.status_code == 200
        assert ("retry-after" in shown.headers) == (shown.json()["ended_at"] is None)
        return shown.json() if shown.json()["ended_at"] else None

    found: dict[str, Any] = await eventually(over, _PATIENT, pause=0.1)
    return found
