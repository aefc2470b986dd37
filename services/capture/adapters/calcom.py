"""Cal.com: bookings and routing forms.

``X-Cal-Signature-256``: hex of HMAC-SHA256 over the raw body, sometimes with ``sha256=`` in front.
Nothing signs a time. A webhook may have a body template of the user's own; such a body has no
``triggerEvent`` and is read by its members' names.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

from services.capture.adapters.base import (
    Acknowledgement,
    Delivered,
    Evidence,
    HookRequest,
    Ignored,
    Item,
    SourceView,
    Unchallenged,
    Unparsable,
    Verdict,
    one_item,
    with_headers,
)
from services.capture.adapters.signing import judged
from services.capture.leadform import LeadForm, assemble, natural_target
from services.capture.wire import object_in, object_or_none, parse_object

HEADER = "x-cal-signature-256"
TRIGGERS = frozenset({"BOOKING_CREATED", "BOOKING_REQUESTED", "FORM_SUBMITTED"})
_PREFIX = "sha256="
_OWN = {
    "name": "full_name",
    "notes": "message",
    "attendeePhoneNumber": "phone",
    "smsReminderNumber": "phone",
    "firstName": "first_name",
    "lastName": "last_name",
}
"""Identifiers that Cal.com's own questions have."""
_ABOUT_THE_MEETING = frozenset({"title", "location", "guests", "rescheduleReason"})


class CalCom(Unchallenged):
    """One booking per request; its attendee is the person."""

    name = "calcom"
    kept_headers = frozenset({HEADER, "content-type"})
    acknowledgement = Acknowledgement()
    evidence = Evidence.SECONDARY

    def verify(self, request: HookRequest, secrets: Sequence[bytes], now: float) -> Verdict:
        given = request.headers.get(HEADER, "")
        expected = [_mac(request.body, secret) for secret in secrets]
        return judged(given.removeprefix(_PREFIX), expected)

    def split(self, request: HookRequest) -> Sequence[Item]:
        return one_item(request.body, _told)

    def to_lead(self, item: Delivered, source: SourceView) -> LeadForm:
        event = parse_object(item.body)
        trigger = event.get("triggerEvent")
        if trigger is None:
            values = {_target(name, source.mapping): value for name, value in event.items()}
            values["form_id"] = source.form_id or values.get("form_id")
            return assemble(values)
        if not isinstance(trigger, str) or trigger not in TRIGGERS:
            raise Ignored.because("triggerEvent", trigger)
        payload = object_in(event.get("payload"), "payload")
        values = {}
        for target, value in _values(payload, source.mapping):
            if value not in (None, "") and target not in values:
                values[target] = value
        values["form_id"] = source.form_id or payload.get("formId") or payload.get("eventTypeId")
        values["submitted_at"] = event.get("createdAt")
        return assemble(values)

    def sign(self, request: HookRequest, secret: bytes, at: float) -> HookRequest:
        return with_headers(
            request,
            content_type="application/json",
            x_cal_signature_256=_mac(request.body, secret).decode(),
        )


def _mac(body: bytes, secret: bytes) -> bytes:
    return hmac.new(secret, body, sha256).hexdigest().encode()


def _told(event: Mapping[str, Any]) -> str | None:
    # A booking is requested, confirmed and moved under one uid.
    trigger, uid = event.get("triggerEvent"), object_or_none(event.get("payload")).get("uid")
    named = isinstance(uid, str) and uid and isinstance(trigger, str)
    return f"{trigger} {uid}" if named else None


def _target(name: str, mapping: Mapping[str, str]) -> str:
    return mapping.get(name) or _OWN.get(name) or natural_target(name) or f"fields.{name}"


def _values(payload: Mapping[str, Any], mapping: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    """By target; of two with one target the first that has a value counts."""
    responses = payload.get("responses") or {}
    if not isinstance(responses, dict):
        raise Unparsable("responses is no object")
    for name, response in responses.items():
        if name in _ABOUT_THE_MEETING and name not in mapping:
            continue
        value = _answer(response)
        if name == "name" and isinstance(value, dict):
            yield "first_name", value.get("firstName")
            yield "last_name", value.get("lastName")
        elif not isinstance(value, list) or value:
            yield _target(name, mapping), _text(value)
    # What the link to the page carried along.
    for name, value in object_or_none(payload.get("metadata")).items():
        if name in mapping or natural_target(name):
            yield _target(name, mapping), value
    attendees = payload.get("attendees")
    if isinstance(attendees, list) and attendees and isinstance(attendees[0], dict):
        first = attendees[0]
        yield "email", first.get("email")
        yield "full_name", first.get("name")
        yield "fields.timezone", first.get("timeZone")
    yield "fields.meeting", payload.get("title")
    yield "fields.meeting_at", payload.get("startTime")


def _answer(response: Any) -> Any:
    """Bookings wrap an answer as ``{label, value}``; routing forms may name a choice beside it."""
    if not isinstance(response, dict) or not ({"value", "response"} & response.keys()):
        return response
    named = response.get("response")
    if isinstance(named, list):
        return [one.get("label") if isinstance(one, dict) else one for one in named]
    if isinstance(named, dict) and named.get("label"):
        return named["label"]
    return response.get("value")


def _text(value: Any) -> Any:
    return ", ".join(map(str, value)) if isinstance(value, list) else value
