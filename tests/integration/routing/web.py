"""Routes of routing, asked over HTTP with a key of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from fastapi import APIRouter

from services.runtime.apikeys import KeyRing, Scope, create
from services.runtime.http import create_app
from services.runtime.server import serve
from tests.integration.routing.desk import Desk


async def client_of(
    desk: Desk, routes: APIRouter, scope: Scope = Scope.DECISIONS_READ
) -> httpx.AsyncClient:
    """A client of these routes, whose key has the scope."""
    keys = KeyRing()
    async with desk.pool.acquire() as connection:
        key = await create(connection, "test", {scope}, actor="test")
    await keys.refresh(desk.pool)
    app = create_app("routing", metrics=desk.metrics, keys=keys)
    app.include_router(routes)
    headers = {"Authorization": f"Bearer {key}"}
    transport = httpx.ASGITransport(app=app)
    return httpx.AsyncClient(transport=transport, base_url="http://t", headers=headers)


@asynccontextmanager
async def served(desk: Desk, *routers: APIRouter, scopes: set[Scope]) -> AsyncIterator[Client]:
    """A client that talks to these routes over a socket; its key has the scopes."""
    keys = KeyRing()
    async with desk.pool.acquire() as connection:
        key = await create(connection, "ops", scopes, actor="test")
        other = await create(connection, "narrow", {Scope.LEADS_WRITE}, actor="test")
    await keys.refresh(desk.pool)
    app = create_app("routing", metrics=desk.metrics, keys=keys)
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


class Client(httpx.AsyncClient):
    """With the header of a key that may not."""

    narrow: dict[str, str]
