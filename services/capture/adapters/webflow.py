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
    HookRequest,
    Ignored,
    Item,
    SourceView,
    Unchallenged,
    Verdict,
    one_item,
    with_headers,
)
from services.capture.adapters.signing import any_matches, ascii_bytes, timely
from services.capture.leadform import LeadForm, assemble, natural_target
from services.capture.wire import object_in, object_or_none, parse_object, text_of

SIGNATURE, TIMESTAMP = "x-webflow-signature", "x-webflow-timestamp"
WINDOW_SECONDS = 300


class Webflow(Unchallenged):
    """Answers are mapped by ``fieldElementId``; one that has none goes by its name."""

    name = "webflow"
    kept_headers = frozenset({SIGNATURE, TIMESTAMP, "content-type"})
    acknowledgement = Acknowledgement()
    evidence = Evidence.SECONDARY

    def verify(self, request: HookRequest, secrets: Sequence[bytes], now: float) -> Verdict:
        given = request.headers.get(SIGNATURE, "")
        stamp = request.headers.get(TIMESTAMP, "")
        if not given and not stamp:
            return url_token.verify(request, secrets)
        expected = [_signature(stamp, request.body, secret) for secret in secrets]
        if not any_matches([ascii_bytes(given)], expected):
            return Verdict.MISMATCH
        return timely(stamp, now, WINDOW_SECONDS, per_second=1000)

    def split(self, request: HookRequest) -> Sequence[Item]:
        return one_item(request.body, lambda e: object_or_none(e.get("payload")).get("id"))

    def to_lead(self, item: Delivered, source: SourceView) -> LeadForm:
        event = parse_object(item.body)
        if event.get("triggerType") != "form_submission":
            raise Ignored.because("triggerType", event.get("triggerType"))
        payload = object_in(event.get("payload"), "payload")
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


def _answers(payload: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """(name, reference, value) of each answer."""
    data, schema = object_in(payload.get("data"), "payload.data"), payload.get("schema")
    refs: dict[str, str] = {}
    for field in schema if isinstance(schema, list) else ():
        match field:
            case {"fieldName": str(field_name), "fieldElementId": str(element)}:
                refs[field_name] = element
    for name, value in data.items():
        # A telephone number comes as a JSON number.
        text = None if value is None else text_of(value)
        yield str(name), refs.get(name) or str(name), text
