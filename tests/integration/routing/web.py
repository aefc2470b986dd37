"""Routes of routing, asked over HTTP with a key of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from fastapi import APIRouter

from services.runtime.apikeys import KeyRing, Scope, create
from services.runtime.http import create_app
from tests.integration.routing.desk import Desk
from tests.support import web
from tests.support.web import Client


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
    async with web.served(desk.pool, *routers, scopes=scopes, metrics=desk.metrics) as client:
        yield client
