"""Webflow form submissions.

Only webhooks made through the API are signed: ``x-webflow-signature`` = hex HMAC-SHA256 over
``timestamp:body``, the timestamp in milliseconds (scheme by third parties' accounts). Those made in
the dashboard are not; for them the same secret stands in the address, as ``?token=``.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

from services.capture.adapters import url_token
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
from services.capture.wire import parse_object, text_of

SIGNATURE, TIMESTAMP = "x-webflow-signature", "x-webflow-timestamp"
WINDOW_SECONDS = 300


class Webflow:
    """Answers are mapped by ``fieldElementId``; one that has none goes by its name."""

    name = "webflow"
    kept_headers = frozenset({SIGNATURE, TIMESTAMP, "content-type"})
    acknowledgement = Acknowledgement()
    evidence = Evidence.SECONDARY

    def handshake(self, request: HookRequest, secrets: Sequence[bytes]) -> Handshake | None:
        return None

    def verify(self, request: HookRequest, secrets: Sequence[bytes], now: float) -> Verdict:
        given = request.headers.get(SIGNATURE, "")
        stamp = request.headers.get(TIMESTAMP, "")
        if not given and not stamp:
            return url_token.verify(request, secrets)
        expected = [_signature(stamp, request.body, secret) for secret in secrets]
        if not any_matches([ascii_bytes(given)], expected):
            return Verdict.MISMATCH
        return Verdict.VERIFIED if _recent(stamp, now) else Verdict.STALE

    def split(self, request: HookRequest) -> Sequence[Item]:
        try:
            payload = parse_object(request.body).get("payload")
        except Unparsable:
            return [whole(request.body)]
        return [whole(request.body, payload.get("id") if isinstance(payload, dict) else None)]

    def to_lead(self, item: Delivered, source: SourceView) -> LeadForm:
        event = parse_object(item.body)
        if event.get("triggerType") != "form_submission":
            raise Ignored(f"triggerType is {str(event.get('triggerType'))[:50]!r}")
        payload = event.get("payload")
        if not isinstance(payload, dict):
            raise Unparsable("payload is missing or no object")
        values: dict[str, Any] = {}
        for name, ref, value in _answers(payload):
            mapped = source.mapping.get(ref)
            target = mapped or natural_target(name) or f"fields.{ref}"
            # What somebody mapped by hand wins over what a name suggests.
            if target in values and not mapped:
                target = f"fields.{ref}"
            values[target] = value
        values["form_id"] = source.form_id or payload.get("formId")
        values["submitted_at"] = payload.get("submittedAt")
        return assemble(values)

    def sign(self, request: HookRequest, secret: bytes, at: float) -> HookRequest:
        stamp = str(int(at * 1000))
        return with_headers(
            request,
            content_type="application/json",
            x_webflow_timestamp=stamp,
            x_webflow_signature=_signature(stamp, request.body, secret).decode(),
        )


def _signature(stamp: str, body: bytes, secret: bytes) -> bytes:
    return hmac.digest(secret, ascii_bytes(stamp) + b":" + body, sha256).hex().encode()


def _recent(stamp: str, now: float) -> bool:
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 15):
        return False
    return abs(now - int(stamp) / 1000) <= WINDOW_SECONDS


def _answers(payload: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """(name, reference, value) of each answer."""
    data, schema = payload.get("data"), payload.get("schema")
    if not isinstance(data, dict):
        raise Unparsable("payload.data is missing or no object")
    refs: dict[str, str] = {}
    for field in schema if isinstance(schema, list) else ():
        match field:
            case {"fieldName": str(field_name), "fieldElementId": str(element)}:
                refs[field_name] = element
    for name, value in data.items():
        # A telephone number comes as a JSON number.
        text = None if value is None else text_of(value)
        yield str(name), refs.get(name) or str(name), text
