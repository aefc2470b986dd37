"""Carries out what a correction moves, move by move, as a person would ask for each."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from schemas.assignment import AssignmentStatus, RequestAction
from services.routing.answer import Request
from services.routing.http import Ask, carry_out
from services.runtime.jobs import Finish
from services.runtime.jobs_sql import Job
from services.runtime.problems import Problem


def mending(ask: Ask) -> Finish:
    """Asks for each move; one that is refused does not keep the others back."""

    async def mend(job: Job, report: dict[str, Any]) -> dict[str, Any]:
        dry = job.request["dry_run"]
        reason = job.request["reason"] or f"corrected by configuration {report['version']}"
        moves = [] if dry else [one for one in report["moves"] if one["to"] is not None]
        done = [await _mend(ask, one, job.asked_by, reason) for one in moves]
        return {"dry_run": dry, "applied": sum(one["ok"] for one in done), "answers": done}

    return mend


async def _mend(ask: Ask, move: dict[str, Any], by: str, reason: str) -> dict[str, Any]:
    expected = AssignmentStatus(move["status"])
    request = Request(RequestAction.REASSIGN, by, reason, expected, move["to"], True)
    try:
        await carry_out(ask, UUID(move["assignment_id"]), request)
    except Problem as refused:
        said = refused.detail or refused.title
        return {"lead_id": move["lead_id"], "ok": False, "answer": said}
    return {"lead_id": move["lead_id"], "ok": True, "answer": move["to"]}
