"""The two doors: ``/v1/leads`` for clients with a key, ``/hooks/{source}`` for form tools."""

from __future__ import annotations

import re
import secrets as tokens
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from pydantic import ValidationError

from schemas.base import KindName, Lane, Motion
from schemas.submission import KeyKind, SubmissionReceived
from services.capture import answers, eventdoors, events, openapi
from services.capture.acceptance import Acceptance, Accepted
from services.capture.adapters import ADAPTERS, KEPT_HEADERS
from services.capture.adapters.base import (
    Acknowledgement,
    HookRequest,
    Item,
    Unparsable,
    Verdict,
    body_digest,
    whole,
)
from services.capture.config import API, CaptureConfig, Limits, Source
from services.capture.door import Doors, admit, durable, idempotency_key, traceparent
from services.capture.leadform import LeadForm
from services.capture.limits import SourceLimits
from services.capture.repeats import Delivered, Delivery, compare
from services.capture.signs import NETWORK_HEADER, network_name
from services.capture.wire import parse_object
from services.kernel.identity import normalise_email, normalise_phone
from services.kernel.places import country_code
from services.runtime.http import (
    Principal,
    Problem,
    Scope,
    check_json,
    invalid,
    read_body,
    require,
    too_many_unproven,
)

_SOURCE_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_HEADER_CHARS: Final = 2_048
_DUMMY_ADAPTER: Final = ADAPTERS["standard_webhooks"]

Writer = Annotated[Principal, Depends(require(Scope.LEADS_WRITE))]


def router(doors: Doors) -> APIRouter:
    """The routes of capture."""
    routes = APIRouter()
    routes.include_router(eventdoors.router(doors))
    leads = _Leads(doors)
    hooks = _Hooks(doors)

    @routes.post("/v1/leads", tags=["leads"], **openapi.LEADS)
    async def create_lead(request: Request, principal: Writer) -> Response:
        """Hand in one lead. A 200 means that it is durable and will have an end."""
        return await leads.create(request, principal)

    @routes.post("/hooks/{source}", tags=["hooks"], **openapi.HOOK)
    async def receive(request: Request, source: str) -> Response:
        """A form tool's webhook. Proven by the source's signature, over the raw bytes."""
        return await hooks.receive(request, source)

    @routes.get("/hooks/{source}", tags=["hooks"], **openapi.HANDSHAKE)
    async def handshake(request: Request, source: str) -> Response:
        """A vendor's check that the address is ours."""
        return await hooks.handshake(request, source)

    return routes


class _Leads:
    def __init__(self, doors: Doors) -> None:
        self._doors = doors
        self._limits = SourceLimits()

    async def create(self, request: Request, principal: Principal) -> Response:
        now = self._doors.clock()
        source = _api_source(self._doors.config(), principal)
        admit(self._limits, source, request)
        check_json(request)
        raw = await read_body(request, source.config.limits.body_bytes)
        form = _form(raw)
        item = _item(request, raw, principal)
        acceptance = self._doors.acceptance
        known = await acceptance.known(
            source.name, item.delivery_key, item.key_kind, now.timestamp()
        )
        if known is not None:
            return _repeated(known, raw)
        kind = form.kind or source.config.kind
        event = events.received(
            source.name,
            item,
            headers=_kept(request.headers, source.adapter.kept_headers)
            | _network(request, source, self._doors.network_key),
            # Nobody waits for a prospect: a flood of them must not stand before a demo request.
            lane=Lane.BULK if kind is KindName.PROSPECT else source.config.lane,
            motion=Motion.OUTBOUND if kind is KindName.PROSPECT else source.config.motion,
            at=now,
        )
        accepted = await _accept(acceptance, [event], request, Acknowledgement())
        return answers.accepted(accepted)


class _Hooks:
    def __init__(self, doors: Doors) -> None:
        self._doors = doors
        self._limits = SourceLimits()
        self._dummy = [tokens.token_bytes(32)]

    async def receive(self, request: Request, name: str) -> Response:
        now = self._doors.clock()
        source, live = self._source(name)
        limits = source.config.limits if source else Limits()
        hook = await self._hook(request, limits)
        adapter = source.adapter if source else _DUMMY_ADAPTER
        # Nobody's source is checked as well, against a key that nobody has: the time tells nothing.
        verdict = adapter.verify(hook, live or self._dummy, now.timestamp())
        if source is None or not live or verdict is not Verdict.VERIFIED:
            wait = request.app.state.unproven.charge(request.scope)
            if wait > 0:
                raise too_many_unproven(wait)
            why = verdict.value if source and live else "unknown source, or one without a secret"
            self._doors.unverified.keep(_refused(name, hook, source, now), why)
            raise answers.refused(adapter.acknowledgement)
        admit(self._limits, source, request)
        headers = _kept(hook.headers, adapter.kept_headers)
        headers |= _network(request, source, self._doors.network_key)
        config = source.config
        submissions = [
            events.received(
                name, item, headers=headers, lane=config.lane, motion=config.motion, at=now
            )
            for item in adapter.split(hook)
        ]
        acknowledgement = adapter.acknowledgement
        return answers.accepted(
            await _accept(self._doors.acceptance, submissions, request, acknowledgement)
        )

    async def handshake(self, request: Request, name: str) -> Response:
        source, live = self._source(name)
        if source is not None and live:
            token = source.config.verify_token
            known = self._doors.secrets.get(token) or [] if token else live
            found = source.adapter.handshake(await self._hook(request, source.config.limits), known)
            if found is not None:
                return Response(found.body, media_type=found.content_type)
        raise answers.refused(Acknowledgement())

    def _source(self, name: str) -> tuple[Source | None, list[bytes]]:
        """The source of that name, with its live secrets; a source without any proves nothing."""
        source = self._doors.config().sources.get(name)
        if source is None or source.config.secret is None:
            return source, []
        return source, self._doors.secrets.get(source.config.secret) or []

    async def _hook(self, request: Request, limits: Limits) -> HookRequest:
        path = request.scope.get("raw_path", b"").decode("ascii", "replace")
        query = request.scope.get("query_string", b"").decode("ascii", "replace")
        base = (self._doors.public_url or "").rstrip("/")
        return HookRequest(
            method=request.method,
            url=f"{base}{path}?{query}" if query else f"{base}{path}",
            query=request.query_params,
            headers=request.headers,
            body=await read_body(request, limits.body_bytes),
        )


async def _accept(
    acceptance: Acceptance,
    submissions: Sequence[SubmissionReceived],
    request: Request,
    acknowledgement: Acknowledgement,
) -> list[Accepted]:
    """Make all items of a request durable, or none of it answered with 200."""
    work = acceptance.accept_all(submissions, traceparent(request))
    return await durable(work, acknowledgement)


def _repeated(known: Delivered, raw: bytes) -> Response:
    match compare(known, body_digest(raw)):
        case Delivery.RETRY:
            return answers.accepted([Accepted(known.submission_id, duplicate=True)])
        case Delivery.CONFLICT:
            raise answers.conflict(str(known.submission_id))


def _api_source(config: CaptureConfig, principal: Principal) -> Source:
    """The source of a key: its own, or ``api``."""
    if principal.source is None:
        return config.sources[API]
    source = config.sources.get(principal.source)
    if source is None or source.config.adapter != API:
        raise Problem(
            403, "Forbidden", "The source that this key is bound to takes no leads of this form."
        )
    return source


def _item(request: Request, raw: bytes, principal: Principal) -> Item:
    item = whole(raw, idempotency_key(request), KeyKind.IDEMPOTENCY_KEY)
    # Two clients may choose the same key, and two may send the same words.
    return Item(raw, f"{principal.key_id}:{item.delivery_key}", item.key_kind)


def _form(raw: bytes) -> LeadForm:
    """The body, strictly: an API client can mend what it sends."""
    try:
        form = LeadForm.model_validate(parse_object(raw))
    except Unparsable as error:
        raise Problem(400, "Not readable", f"The body cannot be read: {error}.") from None
    except ValidationError as error:
        raise invalid([dict(fault) for fault in error.errors()]) from None
    if form.email is not None and normalise_email(form.email) is None:
        raise _fault("email", "is not an e-mail address")
    phone_alone = form.email is None and form.external_id is None
    if phone_alone and normalise_phone(form.phone, country_code(form.country)) is None:
        raise _fault("phone", "is no telephone number; write it with its country, as +49 30 …")
    return form


def _fault(field: str, message: str) -> Problem:
    faults = [{"field": field, "message": message}]
    return Problem(422, "Invalid request", f"{field}: {message}", errors=faults)


def _refused(
    name: str, hook: HookRequest, source: Source | None, now: datetime
) -> SubmissionReceived:
    """A request that proved nothing, as it would have been kept had it proven something."""
    kept = source.adapter.kept_headers if source else KEPT_HEADERS
    return events.received(
        name if _SOURCE_NAME.fullmatch(name) else "unknown",
        whole(hook.body),
        headers=_kept(hook.headers, kept),
        lane=source.config.lane if source else Lane.LIVE,
        motion=source.config.motion if source else Motion.INBOUND,
        at=now,
    )


def _kept(headers: Mapping[str, str], names: frozenset[str]) -> dict[str, str]:
    return {name: headers[name][:_HEADER_CHARS] for name in sorted(names) if name in headers}


def _network(request: Request, source: Source, key: bytes) -> dict[str, str]:
    """The keyed hash of the browser's network, where browsers post to the source themselves."""
    if source.rules.network != "request":
        return {}
    return {NETWORK_HEADER: network_name(request.app.state.clients.network(request.scope), key)}


__all__ = ["Doors", "router"]
