"""``/v1/simulations``, ``/v1/recomputations``, ``/v1/corrections``: asked for now, read later.

Each takes seconds to minutes of a core, so it is queued in the database, worked off in a process of
its own, and kept with what came of it.
"""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse

from services.routing.review.asked import Correction, Recomputation, Simulation
from services.runtime import jobs_http
from services.runtime.apikeys import Principal, Scope
from services.runtime.http import require
from services.runtime.jobs import Jobs
from services.runtime.jobs_http import Followed

Reader = Annotated[Principal, Depends(require(Scope.DECISIONS_READ))]
Admin = Annotated[Principal, Depends(require(Scope.REPS_ADMIN))]
_SIMULATION: Final = Followed("simulation", "/v1/simulations", Scope.DECISIONS_READ)
_RECOMPUTATION: Final = Followed("recomputation", "/v1/recomputations", Scope.DECISIONS_READ)
CORRECTION: Final = Followed("correction", "/v1/corrections", Scope.REPS_ADMIN)


def router(jobs: Jobs) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["review"], responses=jobs_http.PROBLEMS)
    _asking(routes, jobs)
    for sort in (_SIMULATION, _RECOMPUTATION, CORRECTION):
        jobs_http.following(routes, jobs, sort)
    jobs_http.pages(routes, jobs, _SIMULATION)
    return routes


def _asking(routes: APIRouter, jobs: Jobs) -> None:
    accepted = jobs_http.accepted()

    @routes.post(_SIMULATION.place, **accepted)
    async def simulate(asked: Simulation, by: Reader) -> JSONResponse:
        """What a configuration would have done with what was recorded, or what if. Changes nothing.

        Answers at once; ``Location`` says where the result will be.
        """
        return await jobs_http.queued(jobs, _SIMULATION, asked, by)

    @routes.post(_RECOMPUTATION.place, **accepted)
    async def recompute(asked: Recomputation, by: Reader) -> JSONResponse:
        """Take every stored decision of a period again, and compare. Changes nothing."""
        return await jobs_http.queued(jobs, _RECOMPUTATION, asked, by)

    @routes.post(CORRECTION.place, **accepted)
    async def correct(asked: Correction, by: Admin) -> JSONResponse:
        """Give leads that a wrong rule sent to the wrong pool to whom the right one gives them."""
        return await jobs_http.queued(jobs, CORRECTION, asked, by)
