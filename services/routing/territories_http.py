"""``/v1/territories``: what the tables leave and say twice; dealing them out anew."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, cast

import asyncpg
from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from schemas.base import Instant
from services.kernel.texts import Storable
from services.routing.review import territories as review
from services.routing.review.territories import Period
from services.routing.staff.realigning import UNTOUCHED_FOR, Asked, Realigning, counts
from services.routing.staff.session import Author, RepFault
from services.runtime.apikeys import Principal, Scope
from services.runtime.configstore import ConfigStore
from services.runtime.http import Problem, json_only, require

_PERIOD = timedelta(days=30)
_MOST_LEADS = 20_000
"""Looked at for one answer, so that a decision waits for none; the command has no such limit."""
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    404: {"description": "there is no such table or realignment"},
    422: {"description": "the request makes no sense; says why"},
}
Admin = Annotated[Principal, Depends(require(Scope.REPS_ADMIN))]


class Undo(BaseModel):
    """Why."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(max_length=500), Storable] = ""


class Realign(Undo):
    """What stays where it is, and whether to say only what would move."""

    dry_run: bool = False
    untouched_for: Annotated[int, Field(ge=0, le=365)] = UNTOUCHED_FOR
    """Days: what somebody worked on since then stays."""
    most: Annotated[int, Field(ge=0, le=10_000)] = 1_000
    """Of a dry run: told one by one."""


def router(pool: asyncpg.Pool, realigning: Realigning) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/v1/territories", tags=["territories"], responses=_PROBLEMS)
    _reports(routes, pool)
    _realignments(routes, realigning)
    return routes


def _realignments(routes: APIRouter, realigning: Realigning) -> None:
    @routes.post("/realign", dependencies=[Depends(json_only)])
    async def realign(asked: Realign, by: Admin) -> dict[str, Any]:
        """Owners of accounts and leads follow the active configuration's territories.

        At most 1,000 moves a call: ask again until ``finished``. What was begun is gone on with.
        """
        terms = Asked(asked.untouched_for)
        if asked.dry_run:
            moves = await realigning.rehearse(terms)
            told = moves[: asked.most]
            return {"dry_run": True, **counts(moves), "moves": told, "more": len(moves) - len(told)}
        try:
            return await realigning.run(Author(by.name, asked.reason), terms)
        except RepFault as fault:
            raise Problem(422, "No realignment", str(fault)) from None

    @routes.get("/realignments")
    async def every(_: Admin) -> dict[str, Any]:
        """Past realignments with what they moved, the newest first."""
        return {"realignments": await realigning.every()}

    @routes.post("/realignments/{realignment}/undo", dependencies=[Depends(json_only)])
    async def undo(realignment: int, asked: Undo, by: Admin) -> dict[str, Any]:
        """What it moved, and nobody moved since, goes back. Ask again until ``finished``."""
        try:
            return await realigning.undo(Author(by.name, asked.reason), realignment)
        except RepFault as fault:
            raise Problem(422, "Nothing to undo", str(fault)) from None


def _reports(routes: APIRouter, pool: asyncpg.Pool) -> None:
    @routes.get("/report", dependencies=[Depends(require(Scope.DECISIONS_READ))])
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
