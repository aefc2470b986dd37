"""``GET /v1/pools/{pool}/claims``: the leads that the members of a pull pool may claim."""

from __future__ import annotations

from typing import Any

import asyncpg
from fastapi import APIRouter, Depends

from services.kernel.faults import did_you_mean
from services.routing.plan import Plan
from services.routing.store import claims
from services.routing.store.claims import Offer
from services.runtime.apikeys import Scope
from services.runtime.configstore import LiveConfig
from services.runtime.http import Problem, require

_PROBLEMS: dict[int | str, dict[str, Any]] = {
    404: {"description": "there is no such pool, or its leads are given and not offered"},
}


def router(pool: asyncpg.Pool, config: LiveConfig[Plan]) -> APIRouter:
    """The route; it only reads. ``POST /v1/assignments/{id}/claim`` claims."""
    routes = APIRouter(prefix="/v1/pools/{pool_name}", tags=["claims"], responses=_PROBLEMS)

    @routes.get("/claims", dependencies=[Depends(require(Scope.ASSIGNMENTS_ACT))])
    async def listed(pool_name: str) -> list[Offer]:
        """By tier and age, at most 200; without what identifies a person."""
        pools = config.current.value.teams.pool
        known = pools.get(pool_name)
        if known is None:
            hint = did_you_mean(pool_name, tuple(pools))
            raise Problem(404, "Unknown pool", f"there is no pool {pool_name}{hint}")
        if known.pull is None:
            raise Problem(404, "Nothing is offered", f"{pool_name} is no pull pool")
        async with pool.acquire() as connection:
            return await claims.offered(connection, pool_name)

    return routes
