"""``/v1/scoring/simulations``: recorded leads under another model, asked for now, read later.

A million leads take a minute or more of a core, so it is queued in the database, worked off in a
process of its own, and kept with what came of it.
"""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse

from services.runtime import jobs_http
from services.runtime.apikeys import Principal, Scope
from services.runtime.http import require
from services.runtime.jobs import Jobs
from services.runtime.jobs_http import Followed
from services.scoring.asked import Rescoring

Reader = Annotated[Principal, Depends(require(Scope.DECISIONS_READ))]
SIMULATION: Final = Followed("scoring_simulation", "/v1/scoring/simulations", Scope.DECISIONS_READ)


def router(jobs: Jobs) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["review"], responses=jobs_http.PROBLEMS)

    @routes.post(SIMULATION.place, **jobs_http.accepted())
    async def simulate_scoring(asked: Rescoring, by: Reader) -> JSONResponse:
        """What another configuration would make of leads that were scored. Changes nothing.

        Answers at once; ``Location`` says where the result will be.
        """
        return await jobs_http.queued(jobs, SIMULATION, asked, by)

    jobs_http.following(routes, jobs, SIMULATION)
    jobs_http.pages(routes, jobs, SIMULATION)
    return routes
