"""``/v1/simulations``, ``/v1/recomputations``, ``/v1/corrections``: asked for now, read later.

Each takes seconds to minutes of a core, so it is queued in the database, worked off in a process of
its own, and kept with what came of it.
"""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic_core import to_json

from services.routing.jobs import Jobs
from services.routing.review.asked import Correction, OfPeriod, Recomputation, Simulation
from services.routing.store import jobs as store
from services.runtime.apikeys import Principal, Scope
from services.runtime.http import Problem, json_only, require

Reader = Annotated[Principal, Depends(require(Scope.DECISIONS_READ))]
Admin = Annotated[Principal, Depends(require(Scope.REPS_ADMIN))]
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    401: {"description": "no valid API key"},
    403: {"description": "the key lacks the scope"},
    404: {"description": "there is no such computation"},
    409: {"description": "it has ended, or has no page"},
    413: {"description": "the body is too large"},
    422: {"description": "the request makes no sense; names the field"},
    429: {"description": "too many computations wait"},
}
_SIMULATION, _RECOMPUTATION, _CORRECTION = "simulation", "recomputation", "correction"


def router(jobs: Jobs) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["review"], responses=_PROBLEMS)
    _asking(routes, jobs)
    for kind, scope in (
        (_SIMULATION, Scope.DECISIONS_READ),
        (_RECOMPUTATION, Scope.DECISIONS_READ),
        (_CORRECTION, Scope.REPS_ADMIN),
    ):
        _following(routes, jobs, kind, scope)
    _pages(routes, jobs)
    return routes


def _asking(routes: APIRouter, jobs: Jobs) -> None:
    accepted: dict[str, Any] = {"status_code": 202, "dependencies": [Depends(json_only)]}

    @routes.post("/v1/simulations", **accepted)
    async def simulate(asked: Simulation, by: Reader) -> JSONResponse:
        """What a configuration would have done with what was recorded, or what if. Changes nothing.

        Answers at once; ``Location`` says where the result will be.
        """
        return await _queued(jobs, _SIMULATION, asked, by)

    @routes.post("/v1/recomputations", **accepted)
    async def recompute(asked: Recomputation, by: Reader) -> JSONResponse:
        """Take every stored decision of a period again, and compare. Changes nothing."""
        return await _queued(jobs, _RECOMPUTATION, asked, by)

    @routes.post("/v1/corrections", **accepted)
    async def correct(asked: Correction, by: Admin) -> JSONResponse:
        """Give leads that a wrong rule sent to the wrong pool to whom the right one gives them."""
        return await _queued(jobs, _CORRECTION, asked, by)


def _following(routes: APIRouter, jobs: Jobs, kind: str, scope: Scope) -> None:
    """What was asked for of one kind, and what came of it."""
    allowed = [Depends(require(scope))]

    @routes.get(f"/v1/{kind}s", dependencies=allowed, operation_id=f"{kind}s")
    async def latest() -> dict[str, Any]:
        """The last hundred, the newest first."""
        return {f"{kind}s": await store.latest(jobs.pool, kind)}

    @routes.get(f"/v1/{kind}s/{{job}}", dependencies=allowed, operation_id=f"{kind}_show")
    async def show(job: UUID) -> Response:
        """How far it is: ``queued``, ``running``, ``done`` (with its result), ``failed``
        (with its problem) or ``cancelled``."""
        found = await store.one(jobs.pool, kind, job)
        if found is None:
            raise _unknown(kind)
        headers = {} if found["ended_at"] else {"Retry-After": "1"}
        return Response(to_json(found), media_type="application/json", headers=headers)

    @routes.delete(f"/v1/{kind}s/{{job}}", dependencies=allowed, operation_id=f"{kind}_cancel")
    async def cancel(job: UUID) -> dict[str, Any]:
        """Call it off. What a correction has moved by then stays moved."""
        if not await store.cancel(jobs.pool, kind, job):
            if await store.one(jobs.pool, kind, job) is None:
                raise _unknown(kind)
            raise Problem(409, "Over", f"This {kind} has ended already.")
        return {"id": job, "status": "cancelled"}


def _pages(routes: APIRouter, jobs: Jobs) -> None:
    @routes.get("/v1/simulations/{job}/page", response_class=HTMLResponse)
    async def shown(job: UUID, _: Reader) -> HTMLResponse:
        """The result as one HTML page with its plots inside."""
        found = await store.page(jobs.pool, _SIMULATION, job)
        if found is None:
            if await store.one(jobs.pool, _SIMULATION, job) is None:
                raise _unknown(_SIMULATION)
            raise Problem(409, "No page", "There is a page once the simulation is done.")
        return HTMLResponse(found, headers={"Content-Security-Policy": _INERT})


_INERT = "default-src 'none'; style-src 'unsafe-inline'"


async def _queued(jobs: Jobs, kind: str, asked: OfPeriod, by: Principal) -> JSONResponse:
    job = await jobs.ask(kind, asked.model_dump(mode="json"), by.name)
    place = f"/v1/{kind}s/{job}"
    said = {"id": str(job), "status": "queued", "url": place}
    return JSONResponse(said, 202, {"Location": place, "Retry-After": "1"})


def _unknown(kind: str) -> Problem:
    return Problem(404, f"Unknown {kind}", f"There is no {kind} with this id.")
