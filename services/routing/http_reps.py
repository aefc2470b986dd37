"""``/v1/reps``: who takes leads, what changes it, and where each value comes from."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import date
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas.base import Instant
from services.kernel.texts import Storable
from services.routing.overlay import CAP_NAMES
from services.routing.staff import Author, RepFault, Staff, UnknownRep
from services.routing.staff.leaves import from_calendar
from services.runtime.apikeys import Principal, Scope
from services.runtime.http import Problem, json_only, read_body, require

T = TypeVar("T")
MAX_ICAL = 1024 * 1024
"""Bytes of a calendar."""
_BODY_SECONDS = 30.0
_ICAL: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"text/calendar": {"schema": {"type": "string", "maxLength": MAX_ICAL}}},
    }
}
Document = dict[str, Any]
Admin = Annotated[Principal, Depends(require(Scope.REPS_ADMIN))]
RepId = Annotated[str, Field(min_length=1, max_length=64)]


Reason = Annotated[str, Field(max_length=500), Storable]


class _Change(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    reason: Reason = ""

    def author(self, principal: Principal) -> Author:
        return Author(principal.name, self.reason)


class Pause(_Change):
    """From when to when no new lead is given."""

    start: Annotated[Instant | None, Field(alias="from")] = None
    until: Instant | None = None
    """Null: until resumed."""


class Resume(_Change):
    """Nothing but the reason."""


class TakeLeave(_Change):
    """Whole days by the person's own calendar, both included."""

    first: Annotated[date, Field(alias="from")]
    last: Annotated[date, Field(alias="until")]
    backup: RepId | None = None


class Cap(_Change):
    """What is there is changed; null lifts a limit."""

    hour: int | None = None
    day: int | None = None
    week: int | None = None
    open: int | None = None
    until: Instant | None = None

    @model_validator(mode="after")
    def _some(self) -> Cap:
        if not self.limits:
            raise ValueError(f"name at least one of {', '.join(CAP_NAMES)}")
        return self

    @property
    def limits(self) -> dict[str, int | None]:
        return {name: getattr(self, name) for name in CAP_NAMES if name in self.model_fields_set}


class Leaving(_Change):
    """Who gets the leads; nobody named: whose turn it is in the pool of each."""

    to: RepId | None = None
    dry_run: bool = False


_PROBLEMS: dict[int | str, dict[str, Any]] = {
    404: {"description": "there is no such rep"},
    422: {"description": "the change makes no sense; says why"},
}


def router(staff: Staff) -> APIRouter:
    """The routes; each change is committed, and decided with, before its answer."""
    routes = APIRouter(prefix="/v1/reps", tags=["reps"], responses=_PROBLEMS)
    _asking(routes, staff)
    _changing(routes, staff)
    _leaving(routes, staff)
    return routes


def _asking(routes: APIRouter, staff: Staff) -> None:
    @routes.get("")
    async def every(_: Admin, pool: str | None = None) -> Document:
        """Everybody, or the members of a pool, each value with its origin."""
        return {"reps": await _answer(staff.reps.every(pool))}

    @routes.get("/{rep_id}")
    async def one(
        rep_id: str,
        _: Admin,
        at: Annotated[Instant | None, Query()] = None,
        known_at: Annotated[Instant | None, Query()] = None,
    ) -> Document:
        """One person, now or at another time, with the history of changes."""
        return await _answer(staff.reps.one(rep_id, at, known_at))


def _changing(routes: APIRouter, staff: Staff) -> None:
    @routes.post("/{rep_id}/pause", dependencies=[Depends(json_only)])
    async def pause(rep_id: str, asked: Pause, by: Admin) -> Document:
        """No new leads; those that the person has stay."""
        return await _answer(staff.reps.pause(asked.author(by), rep_id, asked.start, asked.until))

    @routes.post("/{rep_id}/resume", dependencies=[Depends(json_only)])
    async def resume(rep_id: str, asked: Resume, by: Admin) -> Document:
        """Ends pauses, and undoes an offboarding."""
        return await _answer(staff.reps.resume(asked.author(by), rep_id))

    @routes.post("/{rep_id}/cap", dependencies=[Depends(json_only)])
    async def cap(rep_id: str, asked: Cap, by: Admin) -> Document:
        """Other limits than the configured ones."""
        return await _answer(staff.reps.cap(asked.author(by), rep_id, asked.limits, asked.until))

    @routes.delete("/{rep_id}/cap")
    async def uncap(rep_id: str, by: Admin) -> Document:
        """Back to the configured limits."""
        return await _answer(staff.reps.uncap(Author(by.name), rep_id))


def _leaving(routes: APIRouter, staff: Staff) -> None:
    @routes.post("/{rep_id}/leave", dependencies=[Depends(json_only)])
    async def leave(rep_id: str, asked: TakeLeave, by: Admin) -> Document:
        """Days away; new leads stop some working days before, as the configuration says."""
        author = asked.author(by)
        return await _answer(
            staff.reps.leave(author, rep_id, asked.first, asked.last, asked.backup)
        )

    @routes.post("/{rep_id}/leave/ical", openapi_extra=_ICAL)
    async def calendar(rep_id: str, request: Request, by: Admin) -> Document:
        """The person's calendar (iCalendar, 1 MiB at most): its days away become leave.

        Handed in again, what moved moves and what was cancelled goes.
        """
        text = await read_body(request, MAX_ICAL, _BODY_SECONDS)
        author = Author(by.name, "calendar")
        return await _answer(from_calendar(staff.reps, author, rep_id, text))

    @routes.delete("/{rep_id}/leave/{change}")
    async def cancel(rep_id: str, change: int, by: Admin) -> Document:
        """Takes a leave back that a command made."""
        return await _answer(staff.reps.cancel_leave(Author(by.name), rep_id, change))

    @routes.post("/{rep_id}/offboard", dependencies=[Depends(json_only)])
    async def offboard(rep_id: str, asked: Leaving, by: Admin) -> Document:
        """The person gets nothing any more, and the leads go to others. Try it dry first."""
        author = asked.author(by)
        return await _answer(staff.offboarding.run(author, rep_id, asked.to, dry_run=asked.dry_run))


async def _answer(work: Awaitable[T]) -> T:
    try:
        return await work
    except UnknownRep as fault:
        raise Problem(404, "Unknown rep", str(fault)) from None
    except RepFault as fault:
        raise Problem(422, "No such change", str(fault)) from None
