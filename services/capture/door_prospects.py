"""``POST /v1/prospects``: a list of people whom we want to talk to, one JSON object a line."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from pydantic_core import to_json

from schemas.base import KindName, Lane, Motion
from schemas.submission import KeyKind
from services.capture import events, handed, openapi_prospects
from services.capture.acceptance import Acceptance, Accepted
from services.capture.adapters.base import Acknowledgement, Item, whole
from services.capture.config import Source
from services.capture.door import Doors, admit, durable, idempotency_key, traceparent
from services.capture.door_leads import api_source, read_form
from services.capture.handed import Handed
from services.capture.limits import SourceLimits
from services.capture.repeats import Delivery, compare
from services.capture.wire import parse_object
from services.runtime.http import Principal, Problem, Scope, read_body, require

MAX_LINES: Final = 1_000
_MAX_BODY: Final = 1_000_000
MOST_LAG_S: Final = 60.0
_RETRY_AFTER_S: Final = 30
AT_A_STRETCH: Final = 10
"""Lines that are read before others have a turn: a long list takes most of a second."""
_MEDIA: Final = frozenset(
    {"", "application/x-ndjson", "application/ndjson", "application/jsonl", "application/json",
     "text/plain"}
)  # fmt: skip

Lister = Annotated[Principal, Depends(require(Scope.PROSPECTS_WRITE))]


@dataclass(frozen=True, slots=True)
class Sheet:
    """What the lines of one list have in common."""

    source: Source
    principal: Principal
    key: str | None
    """The sender's own, of the whole list."""
    received_at: datetime
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class _Line:
    """What became of one line before anything is stored."""

    number: int
    input: Handed | None
    faults: list[dict[str, str]]


def router(doors: Doors) -> APIRouter:
    """The route."""
    routes = APIRouter()
    limits = SourceLimits()

    @routes.post("/v1/prospects", tags=["leads"], **openapi_prospects.PROSPECTS)
    async def create_prospects(request: Request, principal: Lister) -> Response:
        """Hand in at most 1,000 prospects, each a submission of its own, with a result for each."""
        source = api_source(doors.config(), principal)
        admit(limits, source, request)
        _admit(doors.bulk_lag, request)
        key = idempotency_key(request)
        lines = _lines(await read_body(request, _MAX_BODY))
        sheet = Sheet(source, principal, key, doors.clock(), traceparent(request))
        read = [_told_apart(doors.acceptance, one) for one in await read_all(sheet, lines)]
        inputs = [line.input for line in read if line.input is not None]
        accepted = await durable(doors.acceptance.accept(inputs), Acknowledgement())
        return _answer(read, iter(accepted))

    return routes


def _admit(bulk_lag: Callable[[], float], request: Request) -> None:
    """Only what the pipeline keeps up with, and only lines of JSON.

    :raises Problem: 429, 415.
    """
    if bulk_lag() > MOST_LAG_S:
        raise Problem(
            429,
            "Too many requests",
            f"Prospects wait for more than {MOST_LAG_S:g} s already.",
            headers={"Retry-After": str(_RETRY_AFTER_S)},
        )
    media = request.headers.get("content-type", "").lower().partition(";")[0].strip()
    if media not in _MEDIA or request.headers.get("content-encoding", "identity") != "identity":
        raise Problem(415, "Unsupported media type", "Send application/x-ndjson, uncompressed.")


def _lines(raw: bytes) -> list[tuple[int, bytes]]:
    """The lines that hold something, numbered from 1 as the sender counts them."""
    rows = enumerate(raw.removeprefix(b"\xef\xbb\xbf").splitlines(), 1)
    lines = [(number, stripped) for number, line in rows if (stripped := line.strip())]
    if not 0 < len(lines) <= MAX_LINES:
        message = f"holds {len(lines)} lines; between 1 and {MAX_LINES} are taken"
        raise Problem(
            422,
            "Invalid request",
            f"body: {message}",
            errors=[{"field": "body", "message": message}],
        )
    return lines


async def read_all(sheet: Sheet, lines: Sequence[tuple[int, bytes]]) -> list[_Line]:
    """What each line says. Whoever waits for an answer has a turn in between."""
    read: list[_Line] = []
    for number, raw in lines:
        read.append(_read(sheet, number, raw))
        if len(read) % AT_A_STRETCH == 0:
            await asyncio.sleep(0)
    return read


def _read(sheet: Sheet, number: int, raw: bytes) -> _Line:
    most = sheet.source.config.limits.body_bytes
    if len(raw) > most:  # no topic takes a record of any size, and one that none takes stays
        message = f"has {len(raw)} bytes; at most {most} are taken"
        return _Line(number, None, [{"field": "line", "message": message}])
    try:
        form = read_form(raw)
    except Problem as problem:
        faults = problem.extra.get("errors") or [{"field": "line", "message": problem.detail or ""}]
        return _Line(number, None, faults)
    if form.kind not in (None, KindName.PROSPECT):
        message = "is not prospect; whoever asked for something belongs to /v1/leads"
        return _Line(number, None, [{"field": "kind", "message": message}])
    body = raw if form.kind else to_json({"kind": "prospect", **parse_object(raw)})
    item = whole(body, f"{sheet.key}:{number}" if sheet.key else None, KeyKind.IDEMPOTENCY_KEY)
    event = events.received(
        sheet.source.name,
        Item(body, f"{sheet.principal.key_id}:prospect:{item.delivery_key}", item.key_kind),
        headers={"content-type": "application/json"},
        lane=Lane.BULK,
        motion=Motion.OUTBOUND,
        at=sheet.received_at,
    )
    return _Line(number, handed.submission(event, sheet.traceparent), [])


def _told_apart(acceptance: Acceptance, line: _Line) -> _Line:
    """A line whose key is known, in this process, to have come with another line is a mistake."""
    one = line.input
    if one is None:
        return line
    at = one.received_at.timestamp()
    known = acceptance.remembered(one.scope, one.delivery_key, at)
    if known is None or compare(known, one.digest) is Delivery.RETRY:
        return line
    message = "its Idempotency-Key was used before, with another line"
    return _Line(line.number, None, [{"field": "line", "message": message}])


def _answer(lines: Sequence[_Line], accepted: Iterator[Accepted]) -> Response:
    results: list[dict[str, object]] = []
    seen: set[UUID] = set()
    for line in lines:
        if line.input is None:
            results.append({"line": line.number, "status": "invalid", "errors": line.faults})
            continue
        one = next(accepted)
        status = "duplicate" if one.duplicate or one.submission_id in seen else "accepted"
        seen.add(one.submission_id)
        results.append(
            {"line": line.number, "status": status, "submission_id": str(one.submission_id)}
        )
    counts = {
        status: sum(one["status"] == status for one in results)
        for status in ("accepted", "duplicate", "invalid")
    }
    return Response(to_json({**counts, "results": results}), media_type="application/json")
