"""``GET /v1/leads/{lead_id}/decision``: why a lead is where it is, in words and as data."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from services.routing.explain import as_data, explain
from services.runtime.apikeys import Scope
from services.runtime.http import Problem, require

Told = Callable[[UUID], Awaitable[list[dict[str, Any]]]]
"""Every change of a lead's assignments, the oldest first."""


class Step(BaseModel):
    """One change of a lead's assignment, with the decision behind it."""

    sequence: int
    at: datetime
    assignment_id: UUID
    role: str
    cycle: int
    attempt: int
    status: str
    rep_id: str | None
    pool: str | None
    reason: str
    rule_path: str
    config_version: str
    submission_id: UUID | None
    ended: str | None
    """How the submission ended, where this was its end."""
    words: list[str]
    """The decision, one line per step of it."""
    record: dict[str, Any] | None
    """The same as data: docs/architecture/routing.md says what it holds."""


class Story(BaseModel):
    """How a lead came where it is."""

    lead_id: UUID
    decision: Step | None
    """The latest change that placed the lead; None where none did, or not yet at ``sequence``."""
    changes: list[Step]
    """Everything that happened to it, the oldest first."""
    merged_into: UUID | None = None
    """The lead that stands for this one, where it was merged; ask for that one's decision."""


_PROBLEMS: dict[int | str, dict[str, Any]] = {
    404: {"description": "nothing was decided about such a lead"},
}


def router(told: Told) -> APIRouter:
    """The route; ``told`` reads what was decided."""
    routes = APIRouter(prefix="/v1/leads/{lead_id}", tags=["decisions"])

    @routes.get(
        "/decision",
        responses=_PROBLEMS,
        dependencies=[Depends(require(Scope.DECISIONS_READ))],
    )
    async def decision(
        lead_id: UUID,
        sequence: Annotated[
            int | None, Query(ge=1, description="As of this change; else the latest.")
        ] = None,
    ) -> Story:
        """Owner checks, rules tried, members and why not, the arithmetic of the turn, the score."""
        return _story(lead_id, await _read(told, lead_id), sequence)

    return routes


async def _read(told: Told, lead_id: UUID) -> list[dict[str, Any]]:
    rows = await told(lead_id)
    if not rows:
        raise Problem(404, "Unknown lead", "Nothing was decided about a lead with this id.")
    return rows


def _worded(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "record": as_data(row["record"]), "words": explain(row["record"])}


def _story(lead_id: UUID, rows: list[dict[str, Any]], sequence: int | None) -> Story:
    stands = rows[0]["merged_into"]
    steps = [Step.model_validate(_worded(row)) for row in rows]
    seen = [one for one in steps if sequence is None or one.sequence <= sequence]
    placed = [one for one in seen if one.record is not None and "outcome" in one.record]
    return Story(
        lead_id=lead_id,
        decision=placed[-1] if placed else None,
        changes=seen,
        merged_into=stands,
    )
