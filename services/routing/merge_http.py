"""``POST /v1/leads/{lead_id}/merge``: another lead is the same person."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from services.kernel.texts import Storable
from services.routing.merging import Asked, Merging, NotMerged, UnknownLead
from services.runtime.apikeys import Principal, Scope
from services.runtime.http import Problem, json_only, require

Actor = Annotated[Principal, Depends(require(Scope.ASSIGNMENTS_ACT))]


class Merge(BaseModel):
    """Which other lead it is, who says so, and why."""

    model_config = ConfigDict(extra="forbid")

    lead_id: UUID
    """The lead that is over then; the one of the path stands for both."""
    by: Annotated[str, Field(min_length=1, max_length=64), Storable]
    reason: Annotated[str, Field(max_length=500), Storable] = ""
    dry_run: bool = False
    """Only say what would change."""


_PROBLEMS: dict[int | str, dict[str, Any]] = {
    404: {"description": "nothing was decided about one of the leads"},
    409: {"description": "they are one, or one of them was merged into a third"},
}


def router(merging: Merging) -> APIRouter:
    """The route."""
    routes = APIRouter(prefix="/v1/leads/{lead_id}", tags=["leads"])

    @routes.post("/merge", responses=_PROBLEMS, dependencies=[Depends(json_only)])
    async def merge(lead_id: UUID, asked: Merge, _: Actor) -> dict[str, Any]:
        """Two leads of one person become one. Repeating it changes nothing."""
        one = Asked(lead_id, asked.lead_id, asked.by, asked.reason, asked.dry_run)
        try:
            return await merging.run(one)
        except UnknownLead as fault:
            raise Problem(404, "Unknown lead", str(fault)) from None
        except NotMerged as fault:
            raise Problem(409, "Not merged", str(fault)) from None

    return routes
