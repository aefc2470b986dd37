"""Calendly: a meeting that somebody booked, and a routing form that somebody filled in.

``Calendly-Webhook-Signature: t=<seconds>,v1=<hex>``, HMAC-SHA256 over ``t.body``. A question of a
booking page has no reference of its own, only its place on the page: ``question_0`` and so on. One
of a routing form has its ``question_uuid``.
"""

from __future__ import annotations

import hmac
import re
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
from services.capture.adapters.signing import any_matches, ascii_bytes, timely
from services.capture.leadform import LeadForm, assemble, natural_target
from services.capture.wire import object_in, object_or_none, parse_object

HEADER = "calendly-webhook-signature"
WINDOW_SECONDS = 180
"""Both ways; that of the example in Calendly's documents."""
BOOKED = "invitee.created"
ROUTED = "routing_form_submission.created"
_MAX_SIGNATURES = 16
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PERSON = ("email", "first_name", "last_name", "timezone")


class Calendly(Unchallenged):
    """One event per request, about one person."""

    name = "calendly"
    kept_headers = frozenset({HEADER, "content-type"})
    acknowledgement = Acknowledgement()
    evidence = Evidence.SECONDARY

    def verify(self, request: HookRequest, secrets: Sequence[bytes], now: float) -> Verdict:
        given = request.headers.get(HEADER, "")
        stamp, presented = _parts(given)
        expected = [_mac(request.body, stamp, secret) for secret in secrets]
        if not given:
            return Verdict.UNSIGNED
        if not any_matches(presented, expected):
            return Verdict.MISMATCH
        return timely(stamp, now, WINDOW_SECONDS)

    def split(self, request: HookRequest) -> Sequence[Item]:
        return one_item(request.body, _told)

    def to_lead(self, item: Delivered, source: SourceView) -> LeadForm:
        event = parse_object(item.body)
        kind = event.get("event")
        if kind not in (BOOKED, ROUTED):
            raise Ignored.because("event", kind)
        payload = object_in(event.get("payload"), "payload")
        if payload.get("old_invitee"):
            raise Ignored("a meeting that was moved")
        values = dict(_answers(payload, source.mapping))
        values |= {
            target: value
            for target, value in _person(payload, source.mapping)
            if target not in values and value
        }
        _only_address(values)
        values["form_id"] = source.form_id or _form(payload)
        values["submitted_at"] = payload.get("created_at") or event.get("created_at")
        return assemble(values)

    def sign(self, request: HookRequest, secret: bytes, at: float) -> HookRequest:
        stamp = str(int(at))
        signature = _mac(request.body, stamp, secret).decode()
        return with_headers(
            request,
            content_type="application/json",
            calendly_webhook_signature=f"t={stamp},v1={signature}",
        )


def _mac(body: bytes, stamp: str, secret: bytes) -> bytes:
    signed = b".".join((ascii_bytes(stamp), body))
    return hmac.new(secret, signed, sha256).hexdigest().encode()


def _parts(header: str) -> tuple[str, list[bytes]]:
    """The time and the ``v1`` signatures of the header; anything else in it is skipped."""
    stamp, signatures = "", []
    for part in header.split(",")[:_MAX_SIGNATURES]:
        name, _, value = part.strip().partition("=")
        if name == "t":
            stamp = value
        elif name == "v1":
            signatures.append(ascii_bytes(value))
    return stamp, [signature for signature in signatures if signature]


def _told(event: Mapping[str, Any]) -> str | None:
    # One invitee is created and later cancelled under one URI.
    kind, uri = event.get("event"), object_or_none(event.get("payload")).get("uri")
    named = isinstance(uri, str) and uri and isinstance(kind, str)
    return f"{kind} {uri}" if named else None


def _target(name: str, mapping: Mapping[str, str]) -> str:
    return mapping.get(name) or natural_target(name) or f"fields.{name}"


def _answers(payload: Mapping[str, Any], mapping: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    answers = payload.get("questions_and_answers") or []
    if not isinstance(answers, list):
        raise Unparsable("questions_and_answers is no list")
    for place, answer in enumerate(answers):
        if not isinstance(answer, dict):
            raise Unparsable("an answer is no object")
        reference = answer.get("question_uuid")
        if not isinstance(reference, str) or not reference:
            reference = f"question_{answer.get('position', place)}"
        yield _target(reference, mapping), answer.get("answer")


def _person(payload: Mapping[str, Any], mapping: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    """What is known beside the answers: the invitee, the campaign, the meeting."""
    for name in _PERSON:
        yield _target(name, mapping), payload.get(name)
    # With one name box only `name` is filled; with two, `name` is both of them together.
    if not (payload.get("first_name") or payload.get("last_name")):
        yield "full_name", payload.get("name")
    yield "phone", payload.get("text_reminder_number")
    for name, value in object_or_none(payload.get("tracking")).items():
        yield _target(name, mapping), value
    meeting = payload.get("scheduled_event")
    if isinstance(meeting, dict):
        yield "fields.meeting", meeting.get("name")
        yield "fields.meeting_at", meeting.get("start_time")


def _form(payload: Mapping[str, Any]) -> Any:
    """The routing form, or the type of event that was booked."""
    booked = object_or_none(payload.get("scheduled_event")).get("event_type")
    return payload.get("routing_form") or booked


def _only_address(values: dict[str, Any]) -> None:
    # A routing form does not say which answer is the e-mail; two addresses say nothing either.
    found = [
        target
        for target, value in values.items()
        if target.startswith("fields.")
        if isinstance(value, str) and _ADDRESS.fullmatch(value.strip())
    ]
    if "email" not in values and len(found) == 1:
        values["email"] = values.pop(found[0])
