"""``POST /v1/assignments/{assignment_id}/accept`` and ``/reject``; the other routes join here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt

from schemas.assignment import AssignmentStatus, RequestAction
from services.kernel.texts import Storable
from services.routing import http_reps, http_story
from services.routing.answer import Request
from services.routing.http_story import Told
from services.routing.life import Refusal, Refused
from services.routing.model import Attempt
from services.routing.requests import Outcome
from services.routing.staff import Staff
from services.runtime.apikeys import Principal, Scope
from services.runtime.database import is_infrastructure
from services.runtime.http import Problem, json_only, require

Ask = Callable[[UUID, Request], Awaitable[Outcome | None]]

Actor = Annotated[Principal, Depends(require(Scope.ASSIGNMENTS_ACT))]


class Act(BaseModel):
    """Who acts, and why."""

    model_config = ConfigDict(extra="forbid")

    rep_id: Annotated[str, Field(min_length=1, max_length=64), Storable]
    reason: Annotated[str, Field(max_length=500), Storable] = ""


class Asked(BaseModel):
    """Who asks, and why."""

    model_config = ConfigDict(extra="forbid")

    by: Annotated[str, Field(min_length=1, max_length=64), Storable]
    """A person, for the record."""
    reason: Annotated[str, Field(min_length=1, max_length=500), Storable]
    expected_status: AssignmentStatus | None = None
    """Nothing changes where the attempt is in another status by now."""


class Reassign(Asked):
    """Take it from who has it; ``to`` names who is to have it, else the pool's turn decides."""

    to: Annotated[str, Field(min_length=1, max_length=64), Storable] | None = None


class Correct(Asked):
    """The router erred: the wrong rep gets the turn back, the right one is charged."""

    to: Annotated[str, Field(min_length=1, max_length=64), Storable]


class Divert(Asked):
    """It is no lead."""

    kind: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]
    """``support``, ``applicant``, ``vendor``, or another word of ``diversions`` in routing.yaml."""


class Acted(BaseModel):
    """What the attempt is now."""

    assignment_id: UUID
    status: AssignmentStatus
    lead_id: UUID


_TRIES = 3
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    403: {"description": "the key lacks the scope, or another rep has the lead"},
    404: {"description": "there is no such assignment"},
    413: {"description": "the body is too large"},
    415: {"description": "the body is not JSON in UTF-8, or compressed"},
    409: {"description": "the attempt is over; names the present owner"},
}


def router(ask: Ask, told: Told, staff: Staff) -> APIRouter:
    """All routes of routing.

    :param ask: decides a request and commits it.
    :param told: reads what was decided about a lead.
    :param staff: reads and changes who takes leads.
    """
    routes = APIRouter()
    routes.include_router(_assignments(ask))
    routes.include_router(http_story.router(told))
    routes.include_router(http_reps.router(staff))
    return routes


def _assignments(ask: Ask) -> APIRouter:
    routes = APIRouter(
        prefix="/v1/assignments/{assignment_id}",
        tags=["assignments"],
        dependencies=[Depends(json_only)],
    )

    @routes.post("/accept", responses=_PROBLEMS)
    async def accept(assignment_id: UUID, act: Act, _: Actor) -> Acted:
        """The rep takes the lead up. Repeating it is answered the same."""
        return await _act(ask, assignment_id, act, RequestAction.ACCEPT)

    @routes.post("/reject", responses=_PROBLEMS)
    async def reject(assignment_id: UUID, act: Act, _: Actor) -> Acted:
        """The rep gives the lead back; somebody else gets it at once, or it is held."""
        return await _act(ask, assignment_id, act, RequestAction.REJECT)

    @routes.post("/claim", responses=_PROBLEMS)
    async def claim(assignment_id: UUID, act: Act, _: Actor) -> Acted:
        """A member takes a lead from the list of its pull pool; of two, the first has it."""
        request = Request(RequestAction.ACCEPT, act.rep_id, act.reason, claim=True)
        return await carry_out(ask, assignment_id, request)

    @routes.post("/return", responses=_PROBLEMS)
    async def hand_back(assignment_id: UUID, act: Act, _: Actor) -> Acted:
        """The next role's rep gives the lead back to whoever qualified it."""
        if not act.reason.strip():
            raise Problem(422, "Invalid request", "reason: is required")
        request = Request(RequestAction.REJECT, act.rep_id, act.reason, hand_back=True)
        return await carry_out(ask, assignment_id, request)

    _by_hand(routes, ask)
    return routes


def _by_hand(routes: APIRouter, ask: Ask) -> None:
    """What somebody else than the rep may ask for."""

    @routes.post("/reassign", responses=_PROBLEMS)
    async def reassign(assignment_id: UUID, asked: Reassign, _: Actor) -> Acted:
        """Somebody else gets the lead: the one who is named, or whose turn it is."""
        action = RequestAction.REASSIGN
        request = Request(action, asked.by, asked.reason, asked.expected_status, asked.to)
        return await carry_out(ask, assignment_id, request)

    @routes.post("/correct", responses=_PROBLEMS)
    async def correct(assignment_id: UUID, asked: Correct, _: Actor) -> Acted:
        """As reassign; the wrong rep gets the turn back, the right one is charged."""
        action = RequestAction.REASSIGN
        request = Request(action, asked.by, asked.reason, asked.expected_status, asked.to, True)
        return await carry_out(ask, assignment_id, request)

    @routes.post("/escalate", responses=_PROBLEMS)
    async def escalate(assignment_id: UUID, asked: Asked, _: Actor) -> Acted:
        """The pool's manager gets the lead."""
        action = RequestAction.ESCALATE
        request = Request(action, asked.by, asked.reason, asked.expected_status)
        return await carry_out(ask, assignment_id, request)

    @routes.post("/divert", responses=_PROBLEMS)
    async def divert(assignment_id: UUID, asked: Divert, _: Actor) -> Acted:
        """It is no lead: closed, the turn given back, and nobody else gets it."""
        request = Request(
            RequestAction.RELEASE, asked.by, asked.reason, asked.expected_status, divert=asked.kind
        )
        return await carry_out(ask, assignment_id, request)

    @routes.post("/release", responses=_PROBLEMS)
    async def release(assignment_id: UUID, asked: Asked, _: Actor) -> Acted:
        """Nobody has the lead any more; its next submission starts anew."""
        action = RequestAction.RELEASE
        request = Request(action, asked.by, asked.reason, asked.expected_status)
        return await carry_out(ask, assignment_id, request)


async def _act(ask: Ask, assignment_id: UUID, act: Act, action: RequestAction) -> Acted:
    return await carry_out(ask, assignment_id, Request(action, act.rep_id, act.reason))


async def carry_out(ask: Ask, assignment_id: UUID, request: Request) -> Acted:
    """Decide a request and say what the attempt is now.

    :raises Problem: there is no such attempt, or the request changes nothing.
    """
    outcome = await _patiently(ask, assignment_id, request)
    if outcome is None:
        raise Problem(404, "Unknown assignment", "There is no assignment with this id.")
    if isinstance(outcome.answered.verdict, Refused):
        raise _refusal(outcome.answered.verdict, outcome.last)
    changes = outcome.answered.changes
    # A claim is two steps of one attempt; else the second is about the next attempt.
    status = changes[-1 if request.claim else 0].status if changes else outcome.found.status
    return Acted(assignment_id=assignment_id, status=status, lead_id=outcome.found.lead_id)


async def _patiently(ask: Ask, assignment_id: UUID, request: Request) -> Outcome | None:
    """A deadlock or a lost connection is no answer for a rep: the request is safe to repeat."""
    tries = AsyncRetrying(
        retry=retry_if_exception(is_infrastructure), stop=stop_after_attempt(_TRIES), reraise=True
    )
    return await tries(ask, assignment_id, request)


def _refusal(refused: Refused, last: Attempt) -> Problem:
    match refused.why:
        case Refusal.NO_MEMBER:
            return Problem(403, "Not a member", refused.said)
        case Refusal.BARRED:
            return Problem(409, "Not now", refused.said)
        case Refusal.NOT_OFFERED:
            return Problem(409, "Not offered", "This lead is on no list to be claimed from.")
        case Refusal.NOT_YOURS:
            return Problem(403, "Not yours", "Another rep has this lead.")
        case Refusal.NO_RECEIVER:
            return Problem(422, "Nobody to have it", "This rep is not known, or has left.")
        case Refusal.OVER | Refusal.STALE:
            owner = last.rep_id if last.is_active else None
            now = f"{owner} has the lead now" if owner else "nobody has the lead now"
            return Problem(
                409,
                "The attempt is over",
                f"This attempt has ended; {now}.",
                owner=owner,
                assignment_id=str(last.assignment_id),
                status_now=last.status.value,
            )
