"""Routes of computations that are asked for now and read later: followed, called off, shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel
from pydantic_core import to_json

from services.runtime.apikeys import Principal, Scope
from services.runtime.http import Problem, json_only, require
from services.runtime.jobs import Jobs

PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    404: {"description": "there is no such computation"},
    409: {"description": "it has ended, or has no page"},
    413: {"description": "the body is too large"},
    422: {"description": "the request makes no sense; names the field"},
    429: {"description": "too many computations wait"},
}
_INERT: Final = "default-src 'none'; style-src 'unsafe-inline'"


def accepted() -> dict[str, Any]:
    """Arguments of a route that takes a request, for :func:`queued`."""
    return {"status_code": 202, "dependencies": [Depends(json_only)]}


@dataclass(frozen=True, slots=True)
class Followed:
    """Computations of one kind, as they are found."""

    kind: str
    """As it is asked of ``handraise compute``."""
    place: str
    """``/v1/simulations``."""
    scope: Scope

    @property
    def name(self) -> str:
        """Of one, in words."""
        return self.kind.replace("_", " ")

    @property
    def listed(self) -> str:
        """Of many, in the answer."""
        return self.place.rpartition("/")[2]

    def unknown(self) -> Problem:
        """404."""
        return Problem(404, f"Unknown {self.name}", f"There is no {self.name} with this id.")


async def queued(jobs: Jobs, sort: Followed, asked: BaseModel, by: Principal) -> JSONResponse:
    """The answer to who asks: ``Location`` says where the result will be.

    :raises Problem: 429 where too many wait.
    """
    job = await jobs.ask(sort.kind, asked.model_dump(mode="json"), by.name)
    place = f"{sort.place}/{job}"
    said = {"id": str(job), "status": "queued", "url": place}
    return JSONResponse(said, 202, {"Location": place, "Retry-After": "1"})


def following(routes: APIRouter, jobs: Jobs, sort: Followed) -> None:
    """What was asked for of one kind, and what came of it."""
    allowed = [Depends(require(sort.scope))]
    one = f"{sort.place}/{{job}}"

    @routes.get(sort.place, dependencies=allowed, operation_id=f"{sort.kind}s")
    async def latest() -> dict[str, Any]:
        """The last hundred, the newest first."""
        return {sort.listed: await jobs.store.latest(sort.kind)}

    @routes.get(one, dependencies=allowed, operation_id=f"{sort.kind}_show")
    async def show(job: UUID) -> Response:
        """How far it is: ``queued``, ``running``, ``done`` (with its result), ``failed``
        (with its problem) or ``cancelled``."""
        found = await jobs.store.one(sort.kind, job)
        if found is None:
            raise sort.unknown()
        headers = {} if found["ended_at"] else {"Retry-After": "1"}
        return Response(to_json(found), media_type="application/json", headers=headers)

    @routes.delete(one, dependencies=allowed, operation_id=f"{sort.kind}_cancel")
    async def cancel(job: UUID) -> dict[str, Any]:
        """Call it off. What a correction has moved by then stays moved."""
        if not await jobs.store.cancel(sort.kind, job):
            if await jobs.store.one(sort.kind, job) is None:
                raise sort.unknown()
            raise Problem(409, "Over", f"This {sort.name} has ended already.")
        return {"id": job, "status": "cancelled"}


def pages(routes: APIRouter, jobs: Jobs, sort: Followed) -> None:
    """The page of a computation of one kind."""
    allowed = [Depends(require(sort.scope))]
    path = f"{sort.place}/{{job}}/page"

    @routes.get(
        path, response_class=HTMLResponse, dependencies=allowed, operation_id=f"{sort.kind}_page"
    )
    async def shown(job: UUID) -> HTMLResponse:
        """The result as one HTML page with its plots inside."""
        found = await jobs.store.page(sort.kind, job)
        if found is None:
            if await jobs.store.one(sort.kind, job) is None:
                raise sort.unknown()
            raise Problem(409, "No page", f"There is a page once the {sort.name} is done.")
        return HTMLResponse(found, headers={"Content-Security-Policy": _INERT})
