"""``POST /v1/activities`` and ``/v1/signals``: what happens around leads, just as durable."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Generic, TypeVar
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ValidationError
from pydantic_core import to_json

from schemas.activity import ActivityName, ActivityRecorded
from schemas.base import Event, deterministic_id
from schemas.submission import KeyKind
from services.capture import answers, eventform, openapi_events
from services.capture.acceptance import Accepted
from services.capture.adapters.base import Acknowledgement, Unparsable, body_digest
from services.capture.config import API
from services.capture.door import Doors, admit, durable, idempotency_key, traceparent
from services.capture.eventform import MAX_BATCH, ActivityForm, Drafted, NotUsable, SignalForm
from services.capture.events import SERVICE
from services.capture.handed import Handed
from services.capture.limits import LoopShare, SourceLimits
from services.capture.repeats import LIFETIMES
from services.capture.wire import parse_json
from services.runtime.hotroutes import HotRoutes
from services.runtime.http import (
    Principal,
    Problem,
    Scope,
    check_json,
    holder,
    invalid,
    read_body,
    require,
)
from services.runtime.records import output

_MAX_BODY: Final = 262_144
MOST_AT_ONCE: Final = 8
"""Requests being stored. Where the stores are slow a feed comes again later: it must not take the
room of whoever fills in a form."""
_AT_A_STRETCH: Final = 20
"""Items that are read before others have a turn."""
SHARE: Final = 0.25
"""The part of this process's time that reading events may take: beyond it a feed comes again later.
It is time and no number of events, so that a machine that is short of processors takes fewer."""
SHARE_AT_ONCE_S: Final = 0.5

_GIVEN_UP: Final = ActivityName.DISQUALIFIED

Form = TypeVar("Form", bound=BaseModel)
Feeder = Annotated[Principal, Depends(require(Scope.EVENTS_WRITE))]


class Busy:
    """So many requests at once; one more hears when to come again."""

    def __init__(self, most: int) -> None:
        self._free = most

    def __enter__(self) -> None:
        if self._free == 0:
            raise answers.too_many(1, Acknowledgement())
        self._free -= 1

    def __exit__(self, *_: object) -> None:
        self._free += 1


@dataclass(frozen=True, slots=True)
class _Sort(Generic[Form]):
    """One sort of event, and how its form is read."""

    name: str
    form: type[Form]
    draft: Callable[[Form, str, datetime], Drafted]


_ACTIVITY: Final = _Sort("activity", ActivityForm, eventform.activity)
_SIGNAL: Final = _Sort("signal", SignalForm, eventform.signal)


def router(doors: Doors, hot: HotRoutes) -> APIRouter:
    """The two routes; activities come in floods."""
    routes = APIRouter()
    events = EventsDoor(doors)

    @routes.post("/v1/activities", tags=["events"], **openapi_events.ACTIVITIES)
    async def record_activities(request: Request, principal: Feeder) -> Response:
        """Hand in what somebody did: one object, or a list of at most 100."""
        return await events.take(_ACTIVITY, request, principal)

    @routes.post("/v1/signals", tags=["events"], **openapi_events.SIGNALS)
    async def record_signals(request: Request, principal: Feeder) -> Response:
        """Hand in what was seen about a company: one object, or a list of at most 100."""
        return await events.take(_SIGNAL, request, principal)

    async def activities(request: Request) -> Response:
        return await events.take(_ACTIVITY, request, holder(request, Scope.EVENTS_WRITE))

    hot.add("POST", "/v1/activities", activities)
    return routes


class EventsDoor:
    """Takes events, as many as leave room for whoever fills in a form."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors
        self._limits = SourceLimits()
        self._busy = Busy(MOST_AT_ONCE)
        self._share = LoopShare(SHARE, SHARE_AT_ONCE_S)

    async def take(self, sort: _Sort[Form], request: Request, principal: Principal) -> Response:
        """Make the events of a request durable, all or none.

        :raises Problem: what is wrong with it, or when to come again.
        """
        wait = self._share.wait(time.perf_counter())
        if wait > 0:
            raise answers.too_many(wait, Acknowledgement())
        with self._busy:
            return await self._take(sort, request, principal)

    async def _take(self, sort: _Sort[Form], request: Request, principal: Principal) -> Response:
        now = self._doors.clock()
        admit(self._limits, self._doors.config().sources[API], request)
        check_json(request)
        key = idempotency_key(request)
        raw = await read_body(request, _MAX_BODY)
        items, several = _items(raw)
        scope, digest = f"{sort.name}:{principal.key_id}", body_digest(raw)
        _refuse_another_body(self._doors, scope, key, digest, now)
        request_key = f"key:{key}" if key else f"body:{now:%Y-%m-%d}:{digest}"
        trace = traceparent(request)
        inputs: list[Handed] = []
        for first in range(0, len(items), _AT_A_STRETCH):
            began = time.perf_counter()
            for at in range(first, min(first + _AT_A_STRETCH, len(items))):
                draft = _draft(sort, items[at], at, several, principal, now)
                self._refuse_reason(draft.event, at, several)
                inputs.append(handed(draft, scope, request_key, at, digest, key, now, trace))
            ended = time.perf_counter()
            self._share.spend(ended - began, ended)
            await asyncio.sleep(0)  # whoever fills in a form goes first
        accepted = await durable(self._doors.acceptance.accept(inputs), Acknowledgement())
        return _answer(accepted, several)

    def _refuse_reason(self, event: Event, at: int, several: bool) -> None:
        """Why a lead is given up decides when it comes back: a typing error would lose it."""
        if not isinstance(event, ActivityRecorded) or event.activity is not _GIVEN_UP:
            return
        message = self._doors.config().reasons.refusal(event.reason)
        if message is not None:
            raise _fault(f"{at}.reason" if several else "reason", message)


def _items(raw: bytes) -> tuple[list[object], bool]:
    """The objects of a body, and whether they came as a list."""
    try:
        value = parse_json(raw)
    except Unparsable as error:
        raise Problem(400, "Not readable", f"The body cannot be read: {error}.") from None
    if not isinstance(value, list):
        return [value], False
    if not 0 < len(value) <= MAX_BATCH:
        raise _fault("body", f"holds {len(value)} items; between 1 and {MAX_BATCH} are taken")
    return value, True


def _draft(
    sort: _Sort[Form], item: object, at: int, several: bool, principal: Principal, now: datetime
) -> Drafted:
    try:
        form = sort.form.model_validate(item)
        return sort.draft(form, principal.source or API, now)
    except ValidationError as error:
        place = (at,) if several else ()
        faults = [{**fault, "loc": (*place, *fault["loc"])} for fault in error.errors()]
        raise invalid(faults) from None
    except NotUsable as error:
        raise _fault(f"{at}.{error.field}" if several else error.field, error.message) from None


def _refuse_another_body(
    doors: Doors, scope: str, key: str | None, digest: str, now: datetime
) -> None:
    """A key that is known, in this process, to have come with another body is a mistake."""
    if key is None:
        return
    known = doors.acceptance.remembered(scope, f"key:{key}:0", now.timestamp())
    if known is not None and known.body_sha256 != digest:
        raise answers.conflict(str(known.submission_id))


def handed(
    draft: Drafted,
    scope: str,
    request_key: str,
    at: int,
    digest: str,
    key: str | None,
    now: datetime,
    trace: str | None,
) -> Handed:
    """The record of one event. What its sender named has the id of that name for ever.

    :param digest: of the request's body.
    """
    event_id = draft.identity or deterministic_id(scope, request_key, at)
    kind = KeyKind.IDEMPOTENCY_KEY if key or draft.identity else KeyKind.BODY_HASH
    named = draft.identity is not None and key is None
    made = output(
        draft.topic,
        draft.key,
        draft.event,
        event_id=event_id,
        service=SERVICE,
        at=now,
        traceparent=trace,
        headers=draft.headers,
    )
    return Handed(
        id=event_id,
        lane=draft.lane,
        scope=scope,
        delivery_key=f"id:{event_id}" if named else f"{request_key}:{at}",
        # Whatever else a repeat of a named event says, it is that event.
        digest=str(event_id) if named else digest,
        received_at=now,
        expires_at=now + LIFETIMES[kind],
        output=made,
        ends=False,
    )


def _answer(accepted: Sequence[Accepted], several: bool) -> Response:
    ids: list[UUID] = [one.submission_id for one in accepted]
    body: dict[str, object] = {
        "status": "duplicate" if all(one.duplicate for one in accepted) else "accepted",
        "event_id": str(ids[0]),
    }
    if several:
        body["event_ids"] = [str(one) for one in ids]
    return Response(to_json(body), media_type="application/json")


def _fault(field: str, message: str) -> Problem:
    faults = [{"field": field, "message": message}]
    return Problem(422, "Invalid request", f"{field}: {message}", errors=faults)
