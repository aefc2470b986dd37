"""``GET /v1/fairness/{pool}``: turns against what was due, and where they come from."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeVar

import asyncpg
from fastapi import APIRouter, Depends, Query, Response

from schemas.base import Instant
from services.kernel.tables import as_csv
from services.routing.review import fairness
from services.routing.review.ledger import COLUMNS
from services.runtime.apikeys import Scope
from services.runtime.http import Problem, require

T = TypeVar("T")
_PERIOD = timedelta(days=30)
Since = Annotated[Instant | None, Query(alias="from", description="Else 30 days before.")]
Until = Annotated[Instant | None, Query(description="Else now.")]
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    404: {"description": "there is no such pool"},
    422: {"description": "the period holds more than one answer can"},
}


def router(pool: asyncpg.Pool) -> APIRouter:
    """The routes; they only read."""
    routes = APIRouter(
        prefix="/v1/fairness/{pool_name}",
        tags=["fairness"],
        dependencies=[Depends(require(Scope.DECISIONS_READ))],
        responses=_PROBLEMS,
    )

    @routes.get("")
    async def report(pool_name: str, since: Since = None, until: Until = None) -> dict[str, Any]:
        """Members with count and entitlement, and each one's account of the period."""
        async with pool.acquire() as connection:
            return await _answer(fairness.report(connection, pool_name, *_period(since, until)))

    @routes.get("/ledger", response_class=Response, responses={200: {"content": {"text/csv": {}}}})
    async def ledger(
        pool_name: str, rep: str | None = None, since: Since = None, until: Until = None
    ) -> Response:
        """One CSV line per decision and member: given, passed, skipped and why, moved by whom."""
        async with pool.acquire() as connection:
            period = _period(since, until)
            found = await _answer(fairness.ledger(connection, pool_name, *period, rep))
        text = as_csv(COLUMNS, (line.as_dict() for line in found))
        return Response(text, media_type="text/csv")

    return routes


def _period(since: datetime | None, until: datetime | None) -> tuple[datetime, datetime]:
    end = until or datetime.now(UTC)
    return since or end - _PERIOD, end


async def _answer(work: Awaitable[T]) -> T:
    try:
        return await work
    except fairness.UnknownPool as fault:
        raise Problem(404, "Unknown pool", str(fault)) from None
    except fairness.TooMuch as fault:
        raise Problem(422, "Too much at once", str(fault)) from None
