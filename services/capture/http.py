"""The two doors: ``/v1/leads`` for clients with a key, ``/hooks/{source}`` for form tools."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Request, Response

from services.capture import door_prospects, door_standing, eventdoors, openapi, website
from services.capture.door import Doors
from services.capture.door_hooks import HooksDoor
from services.capture.door_leads import LeadsDoor
from services.runtime.hotroutes import HotRoutes
from services.runtime.http import Principal, Scope, holder, require

__all__ = ["Doors", "install", "router"]

Writer = Annotated[Principal, Depends(require(Scope.LEADS_WRITE))]


def install(app: FastAPI, doors: Doors) -> None:
    """The routes of capture, and what pages need to read their answers."""
    app.state.more_headers = website.readable_from(doors)
    app.include_router(router(doors, app.state.hot))


def router(doors: Doors, hot: HotRoutes) -> APIRouter:
    """The routes of capture; those that many call are entered in ``hot`` too."""
    routes = APIRouter()
    routes.include_router(website.routes(doors))
    routes.include_router(door_standing.routes(doors))
    routes.include_router(eventdoors.router(doors, hot))
    routes.include_router(door_prospects.router(doors))
    _leads(routes, LeadsDoor(doors), hot)
    _hooks(routes, HooksDoor(doors), hot)
    return routes


def _leads(routes: APIRouter, leads: LeadsDoor, hot: HotRoutes) -> None:
    @routes.post("/v1/leads", tags=["leads"], **openapi.LEADS)
    async def create_lead(request: Request, principal: Writer) -> Response:
        """Hand in one lead. A 200 means that it is durable and will have an end."""
        return await leads.create(request, principal)

    async def created(request: Request) -> Response:
        return await leads.create(request, holder(request, Scope.LEADS_WRITE))

    hot.add("POST", "/v1/leads", created)


def _hooks(routes: APIRouter, hooks: HooksDoor, hot: HotRoutes) -> None:
    @routes.post("/hooks/{source}", tags=["hooks"], **openapi.HOOK)
    async def receive(request: Request, source: str) -> Response:
        """A form tool's webhook. Proven by the source's signature, over the raw bytes."""
        return await hooks.receive(request, source)

    @routes.get("/hooks/{source}", tags=["hooks"], **openapi.HANDSHAKE)
    async def handshake(request: Request, source: str) -> Response:
        """A vendor's check that the address is ours."""
        return await hooks.handshake(request, source)

    hot.add("POST", "/hooks/{source}", lambda ask: hooks.receive(ask, ask.path_params["source"]))
