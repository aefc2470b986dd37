"""Tally webhooks.

Signature: ``Tally-Signature`` = base64 of HMAC-SHA256 over the raw body, without a prefix. No
timestamp is signed, so there is no replay window; the delivery key makes a replay harmless. The
payload follows third parties' schemas; that hidden fields come as ``HIDDEN_FIELDS`` is from memory.
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
from services.capture.wire import object_in, object_or_none, parse_object, text_of

HEADER = "tally-signature"
HIDDEN = "HIDDEN_FIELDS"
_ALONE = {"INPUT_EMAIL": "email", "INPUT_PHONE_NUMBER": "phone"}
"""Types whose only question is the person's own without a mapping."""


class Tally(Unchallenged):
    """Answers are mapped by a field's ``key``, never by its label: editors rewrite labels."""

    name = "tally"
    kept_headers = frozenset({HEADER, "content-type"})
    acknowledgement = Acknowledgement()
    evidence = Evidence.MEMORY

    def verify(self, request: HookRequest, secrets: Sequence[bytes], now: float) -> Verdict:
        given = request.headers.get(HEADER, "")
        expected = [_signature(request.body, secret) for secret in secrets]
        return judged(given, expected)

    def split(self, request: HookRequest) -> Sequence[Item]:
        return one_item(
            request.body,
            lambda e: e.get("eventId") or object_or_none(e.get("data")).get("submissionId"),
        )

    def to_lead(self, item: Delivered, source: SourceView) -> LeadForm:
        event = parse_object(item.body)
        if event.get("eventType") != "FORM_RESPONSE":
            raise Ignored.because("eventType", event.get("eventType"))
        data = object_in(event.get("data"), "data")
        values: dict[str, Any] = {}
        of_type: dict[str, list[str]] = {kind: [] for kind in _ALONE}
        for field in _fields(data):
            target = _target(field, source.mapping)
            values[target] = _value(field)
            if field["type"] in of_type and values[target]:
                of_type[field["type"]].append(target)
        for kind, own in _ALONE.items():
            # Two of them (own, colleague's) say nothing about whose is whose without a mapping.
            if own not in values and len(of_type[kind]) == 1:
                values[own] = values.pop(of_type[kind][0])
        values["form_id"] = source.form_id or data.get("formId")
        values["submitted_at"] = data.get("createdAt") or event.get("createdAt")
        return assemble(values)

    def sign(self, request: HookRequest, secret: bytes, at: float) -> HookRequest:
        signature = _signature(request.body, secret).decode()
        return with_headers(request, content_type="application/json", tally_signature=signature)


def _signature(body: bytes, secret: bytes) -> bytes:
    return b64encode(hmac.digest(secret, body, sha256))


def _fields(data: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    fields = data.get("fields")
    if not isinstance(fields, list):
        raise Unparsable("data.fields is missing or no list")
    keys: set[str] = set()
    for field in fields:
        if not isinstance(field, dict) or not isinstance(field.get("key"), str):
            raise Unparsable("a field has no key")
        if not isinstance(field.get("type"), str):
            raise Unparsable("a field has no type")
        # After a list of checkboxes comes each of them again, as a yes or no of its own.
        repeated = isinstance(field.get("value"), bool) and any(
            field["key"].startswith(f"{key}_") for key in keys
        )
        if not repeated:
            yield field
        keys.add(field["key"])


def _target(field: Mapping[str, Any], mapping: Mapping[str, str]) -> str:
    key = field["key"]
    if key in mapping:
        return mapping[key]
    label = field.get("label")
    if field["type"] == HIDDEN and isinstance(label, str):
        # The label of a hidden field is the name of its parameter in the address.
        return mapping.get(label) or natural_target(label) or f"fields.{label}"
    return f"fields.{key}"


def _value(field: Mapping[str, Any]) -> Any:
    value, options = field.get("value"), field.get("options")
    if isinstance(options, list):
        texts = {
            option["id"]: option.get("text")
            for option in options
            if isinstance(option, dict) and isinstance(option.get("id"), str)
        }
        chosen = value if isinstance(value, list) else [value]
        # What was typed under "other" is no option's id and is its own text.
        return ", ".join(
            text_of((texts.get(one) if isinstance(one, str) else None) or one)
            for one in chosen
            if one is not None
        )
    match value:
        case [{"url": _}, *_]:
            return ", ".join(text_of(one.get("url")) for one in value if isinstance(one, dict))
        case list():
            return ", ".join(text_of(one) for one in value)
        case _:
            return value
