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

HEADER = "typeform-signature"
_PREFIX = b"sha256="


class Typeform(Unchallenged):
    """Answers are mapped by ``field.ref``, never by title: editors rename titles."""

    name = "typeform"
    kept_headers = frozenset({HEADER, "content-type"})
    acknowledgement = Acknowledgement()
    evidence = Evidence.VECTOR

    def verify(self, request: HookRequest, secrets: Sequence[bytes], now: float) -> Verdict:
        given = request.headers.get(HEADER, "")
        expected = [_signature(request.body, secret) for secret in secrets]
        return judged(given, expected)

    def split(self, request: HookRequest) -> Sequence[Item]:
        return one_item(
            request.body,
            lambda e: e.get("event_id") or object_or_none(e.get("form_response")).get("token"),
        )

    def to_lead(self, item: Delivered, source: SourceView) -> LeadForm:
        event = parse_object(item.body)
        if event.get("event_type") != "form_response":
            raise Ignored.because("event_type", event.get("event_type"))
        response = object_in(event.get("form_response"), "form_response")
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


def _target(ref: str, mapping: Mapping[str, str]) -> str:
    return mapping.get(ref) or natural_target(ref) or f"fields.{ref}"


def _hidden(response: dict[str, Any], mapping: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    for name, value in object_or_none(response.get("hidden")).items():
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
