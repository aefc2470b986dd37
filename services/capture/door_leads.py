"""The door for clients with a key: ``POST /v1/leads``."""

from __future__ import annotations

from fastapi import Request, Response
from pydantic import ValidationError

from schemas.base import KindName, Lane, Motion
from schemas.submission import KeyKind
from services.capture import answers, events
from services.capture.acceptance import Accepted
from services.capture.adapters.base import (
    Acknowledgement,
    Item,
    Unparsable,
    body_digest,
    whole,
)
from services.capture.config import API, CaptureConfig, Source
from services.capture.door import (
    Doors,
    accept,
    admit,
    idempotency_key,
    kept_headers,
    network_header,
)
from services.capture.leadform import CRM_URL, LeadForm
from services.capture.limits import SourceLimits
from services.capture.repeats import Delivered, Delivery, compare
from services.capture.standing import token
from services.capture.website import check_origin
from services.capture.wire import parse_object
from services.kernel.identity import is_email, normalise_phone
from services.kernel.places import country_code
from services.runtime.http import (
    Principal,
    Problem,
    check_json,
    invalid,
    read_body,
)


class LeadsDoor:
    def __init__(self, doors: Doors) -> None:
        self._doors = doors
        self._limits = SourceLimits()

    async def create(self, request: Request, principal: Principal) -> Response:
        now = self._doors.clock()
        source = api_source(self._doors.config(), principal)
        check_origin(request, source, principal)
        admit(self._limits, source, request)
        check_json(request)
        raw = await read_body(request, source.config.limits.body_bytes)
        form = read_form(raw)
        if principal.publishable and form.crm_url is not None:
            raise _fault(CRM_URL, "is not taken from browsers: reps follow it into their CRM")
        item = _item(request, raw, principal)
        acceptance = self._doors.acceptance
        known = await acceptance.known(
            source.name, item.delivery_key, item.key_kind, now.timestamp()
        )
        if known is not None:
            return self._repeated(known, raw, source, principal)
        outbound = (form.kind or source.config.kind) is KindName.PROSPECT
        event = events.received(
            source.name,
            item,
            headers=kept_headers(request.headers, source.adapter.kept_headers)
            | network_header(request, source, self._doors.key),
            # Nobody waits for a prospect: a flood of them must not stand before a demo request.
            lane=Lane.BULK if outbound else source.config.lane,
            motion=Motion.OUTBOUND if outbound else source.config.motion,
            at=now,
        )
        [accepted] = await accept(acceptance, [event], request, Acknowledgement())
        return self._answer(accepted, source, principal)

    def _repeated(
        self, known: Delivered, raw: bytes, source: Source, principal: Principal
    ) -> Response:
        match compare(known, body_digest(raw)):
            case Delivery.RETRY:
                known_already = Accepted(known.submission_id, duplicate=True)
                return self._answer(known_already, source, principal)
            case Delivery.CONFLICT:
                raise answers.conflict(str(known.submission_id))

    def _answer(self, accepted: Accepted, source: Source, principal: Principal) -> Response:
        if not principal.publishable:
            return answers.accepted([accepted])
        # Only a page asks afterwards, and it has no key that may read.
        shown = token(source.name, accepted.submission_id, self._doors.key)
        return answers.accepted([accepted], shown)


def api_source(config: CaptureConfig, principal: Principal) -> Source:
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
    return Item(raw, f"{principal.key_id}:{item.delivery_key}", item.key_kind, item.hashed)


def read_form(raw: bytes) -> LeadForm:
    """The body, strictly: an API client can mend what it sends."""
    try:
        form = LeadForm.model_validate(parse_object(raw))
    except Unparsable as error:
        raise Problem(400, "Not readable", f"The body cannot be read: {error}.") from None
    except ValidationError as error:
        raise invalid([dict(fault) for fault in error.errors()]) from None
    if form.email is not None and not is_email(form.email):
        raise _fault("email", "is not an e-mail address")
    phone_alone = form.email is None and form.external_id is None
    if phone_alone and normalise_phone(form.phone, country_code(form.country)) is None:
        raise _fault("phone", "is no telephone number; write it with its country, as +49 30 …")
    return form


def _fault(field: str, message: str) -> Problem:
    faults = [{"field": field, "message": message}]
    return Problem(422, "Invalid request", f"{field}: {message}", errors=faults)
