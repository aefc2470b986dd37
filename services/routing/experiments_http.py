"""``GET /v1/experiments``: what the arms of a rule that splits its leads came to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, cast

import asyncpg
from fastapi import APIRouter, Depends, Query

from schemas.base import Instant
from services.routing.plan import Plan
from services.routing.review import experiments
from services.runtime.apikeys import Scope
from services.runtime.configstore import LiveConfig
from services.runtime.http import Problem, require

_PERIOD = timedelta(days=90)


def router(pool: asyncpg.Pool, config: LiveConfig[Plan]) -> APIRouter:
    """The routes; they only read."""
    routes = APIRouter(
        prefix="/v1/experiments",
        tags=["experiments"],
        dependencies=[Depends(require(Scope.DECISIONS_READ))],
    )

    @routes.get("")
    async def listed() -> list[dict[str, Any]]:
        """Every experiment, configured now or ever recorded."""
        async with pool.acquire() as connection:
            reader = cast(asyncpg.Connection, connection)
            return await experiments.listed(reader, experiments.splits(config.current.value))

    @routes.get("/{name}", responses={404: {"description": "there is no such experiment"}})
    async def report(
        name: str,
        since: Annotated[
            Instant | None, Query(alias="from", description="Else 90 days before the end.")
        ] = None,
        until: Annotated[Instant | None, Query(description="Else now.")] = None,
    ) -> dict[str, Any]:
        """Per arm: leads, time to assignment, and rates with their 95 % interval."""
        end = until or datetime.now(UTC)
        period = since or end - _PERIOD, end
        async with pool.acquire() as connection:
            reader = cast(asyncpg.Connection, connection)
            configured = experiments.splits(config.current.value)
            try:
                return await experiments.report(reader, configured, name, *period)
            except experiments.UnknownExperiment as fault:
                raise Problem(404, "Unknown experiment", str(fault)) from None

    return routes
