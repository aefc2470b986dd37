"""``/v1/territories``: what the tables leave, where they say two things, who fell where."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, cast

import asyncpg
from fastapi import APIRouter, Depends, Query

from schemas.base import Instant
from services.routing.review import territories as review
from services.routing.review.territories import Period
from services.runtime.apikeys import Scope
from services.runtime.configstore import ConfigStore
from services.runtime.http import Problem, require

_PERIOD = timedelta(days=30)
_MOST_LEADS = 20_000
"""Looked at for one answer, so that a decision waits for none; the command has no such limit."""
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    401: {"description": "no valid API key"},
    403: {"description": "the key lacks the scope"},
    404: {"description": "there is no such table"},
}


def router(pool: asyncpg.Pool) -> APIRouter:
    """The route; it only reads."""
    routes = APIRouter(
        prefix="/v1/territories",
        tags=["territories"],
        dependencies=[Depends(require(Scope.DECISIONS_READ))],
        responses=_PROBLEMS,
    )

    @routes.get("/report")
    async def report(
        table: Annotated[str | None, Query(max_length=64)] = None,
        since: Annotated[Instant | None, Query(alias="from")] = None,
        until: Instant | None = None,
        leads: Annotated[bool, Query(description="Count recorded leads, too.")] = True,
        most: Annotated[int, Query(ge=0, le=1000)] = 100,
    ) -> dict[str, Any]:
        """Gaps and overlaps of the active configuration's tables, and the leads in them."""
        end = until or datetime.now(UTC)
        period = Period(since or end - _PERIOD, end) if leads else None
        async with pool.acquire() as proxy:
            connection = cast(asyncpg.Connection, proxy)
            _, files = await ConfigStore().active(connection)
            try:
                return await review.reports(
                    files,
                    table=table,
                    most=most,
                    connection=connection,
                    period=period,
                    most_leads=_MOST_LEADS,
                )
            except review.UnknownTable as fault:
                raise Problem(404, "Unknown table", str(fault)) from None

    return routes
