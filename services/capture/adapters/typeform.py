"""Typeform webhooks.

Signature: ``Typeform-Signature: sha256=`` + base64 of HMAC-SHA256 over the raw body (verified
against typeform.com/developers/webhooks/secure-your-webhooks). No timestamp is signed, so there is
no replay window; the delivery key makes a replay harmless.
"""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

from services.capture.adapters.base import (
    Acknowledgement,
    Delivered,
    Evidence,
    Handshake,
    HookRequest,
    Ignored,
    Item,
    SourceView,
    Unparsable,
    Verdict,
    whole,
    with_headers,
)
from services.capture.adapters.signing import any_matches, ascii_bytes
from services.capture.leadform import LeadForm, assemble, natural_target
from services.capture.wire import parse_object

HEADER = "typeform-signature"
_PREFIX = b"sha256="


class Typeform:
    """Answers are mapped by ``field.ref``, never by title: editors rename titles."""

    name = "typeform"
    kept_headers = frozenset({HEADER, "content-type"})
    acknowledgement = Acknowledgement()
    evidence = Evidence.VECTOR

    def handshake(self, request: HookRequest, secrets: Sequence[bytes]) -> Handshake | None:
        return None

    def verify(self, request: HookRequest, secrets: Sequence[bytes], now: float) -> Verdict:
        given = request.headers.get(HEADER, "")
        expected = [_signature(request.body, secret) for secret in secrets]
        if any_matches([ascii_bytes(given)], expected):
            return Verdict.VERIFIED
        return Verdict.MISMATCH if given else Verdict.UNSIGNED

    def split(self, request: HookRequest) -> Sequence[Item]:
        try:
            event = parse_object(request.body)
        except Unparsable:
            return [whole(request.body)]
        response = event.get("form_response")
        token = response.get("token") if isinstance(response, dict) else None
        return [whole(request.body, event.get("event_id") or token)]

    def to_lead(self, item: Delivered, source: SourceView) -> LeadForm:
        event = parse_object(item.body)
        if event.get("event_type") != "form_response":
            raise Ignored(f"event_type is {str(event.get('event_type'))[:50]!r}")
        response = _object(event.get("form_response"), "form_response")
        values: dict[str, Any] = dict(_hidden(response, source.mapping))
        by_type: dict[str, list[str]] = {"email": [], "phone_number": []}
        for ref, kind, value in _answers(response):
            target = _target(ref, source.mapping)
            values[target] = value
            if kind in by_type:
                by_type[kind].append(target)
        _only_one(values, "email", by_type["email"])
        _only_one(values, "phone", by_type["phone_number"])
        values["form_id"] = source.form_id or response.get("form_id")
        values["submitted_at"] = response.get("submitted_at")
        values["landed_at"] = response.get("landed_at")
        return assemble(values)

    def sign(self, request: HookRequest, secret: bytes, at: float) -> HookRequest:
        return with_headers(
            request,
            content_type="application/json",
            typeform_signature=_signature(request.body, secret).decode(),
        )


def _signature(body: bytes, secret: bytes) -> bytes:
    return _PREFIX + b64encode(hmac.digest(secret, body, sha256))


def _object(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Unparsable(f"{name} is missing or no object")
    return value


def _target(ref: str, mapping: Mapping[str, str]) -> str:
    return mapping.get(ref) or natural_target(ref) or f"fields.{ref}"


def _hidden(response: dict[str, Any], mapping: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    hidden = response.get("hidden")
    for name, value in hidden.items() if isinstance(hidden, dict) else ():
        yield _target(name, mapping), value


def _answers(response: dict[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """(reference, type, value) of each answer; an answer without any reference has no meaning."""
    answers = response.get("answers", [])
    if not isinstance(answers, list):
        raise Unparsable("form_response.answers is no list")
    for answer in answers:
        if not isinstance(answer, dict) or not isinstance(answer.get("field"), dict):
            raise Unparsable("an answer has no field")
        question = answer["field"]
        ref = question.get("ref") or question.get("id")
        kind = answer.get("type")
        if not isinstance(ref, str) or not isinstance(kind, str):
            raise Unparsable("an answer has no reference or type")
        yield ref, kind, _value(kind, answer.get(kind))


def _value(kind: str, value: Any) -> Any:
    match kind, value:
        case "choice", dict():
            return value.get("label") or value.get("other") or value.get("ref")
        case "choices", dict():
            chosen = value.get("labels") or value.get("refs") or []
            others = [value["other"]] if value.get("other") else []
            return ", ".join(map(str, [*chosen, *others])) if isinstance(chosen, list) else None
        case _:
            return value


def _only_one(values: dict[str, Any], target: str, answered: list[str]) -> None:
    # Two e-mail questions (own, colleague's) say nothing about whose is whose without a mapping.
    if target not in values and len(answered) == 1 and answered[0].startswith("fields."):
        values[target] = values.pop(answered[0])
