"""CloudEvents 1.0 over HTTP (github.com/cloudevents/spec), for partners and systems of our own.

Binary mode has the attributes in ``ce-`` headers and the data as the body; in structured mode the
body is the whole event, in batched mode an array of them. The specification's webhooks prove the
sender by a token, in ``Authorization: Bearer`` or as ``access_token`` in the address. ``data`` has
the fields of ``POST /v1/leads``.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import unquote_to_bytes

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
    body_digest,
    each_once,
    whole,
    with_headers,
)
from services.capture.adapters.signing import any_secret
from services.capture.leadform import LeadForm, assemble, natural_target
from services.capture.wire import compact, object_in, parse_json, parse_object

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
PARAMETER = "access_token"
_PREFIX = "ce-"
_ATTRIBUTES = ("specversion", "id", "source", "type", "time", "subject", "dataschema")
_VERSION = "1.0"


class CloudEvents(Unchallenged):
    """One event, one person; the key is what makes an event unique: its source and id."""

    name = "cloudevents"
    kept_headers = frozenset({"content-type", *(_PREFIX + name for name in _ATTRIBUTES)})
    acknowledgement = Acknowledgement()
    evidence = Evidence.DOCUMENTED

    def verify(self, request: HookRequest, secrets: Sequence[bytes], now: float) -> Verdict:
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        tokens = [bearer.strip()] if scheme.lower() == "bearer" else []
        tokens.append(request.query.get(PARAMETER, ""))
        given = [token for token in tokens if token]
        if any_secret((token.encode(errors="surrogatepass") for token in given), secrets):
            return Verdict.VERIFIED
        return Verdict.MISMATCH if given or scheme else Verdict.UNSIGNED

    def split(self, request: HookRequest) -> Sequence[Item]:
        mode = _mode(request.headers)
        if mode is None:
            return [_item(request.body, _from_headers(request.headers))]
        try:
            sent = parse_json(request.body)
        except Unparsable:
            return [whole(request.body)]
        if mode == STRUCTURED and isinstance(sent, dict):
            return [_item(request.body, sent)]
        if mode == BATCH and isinstance(sent, list) and all(isinstance(e, dict) for e in sent):
            return each_once((_item(compact(event), event) for event in sent), request.body)
        return [whole(request.body)]

    def to_lead(self, item: Delivered, source: SourceView) -> LeadForm:
        structured = _mode(item.headers) is not None
        event = parse_object(item.body) if structured else _from_headers(item.headers)
        if event.get("specversion") != _VERSION:
            raise Unparsable("specversion is not 1.0")
        kind = event.get("type")
        if source.events and (not isinstance(kind, str) or kind not in source.events):
            raise Ignored.because("type", kind)
        data = _data(event) if structured else parse_object(item.body)
        values: dict[str, Any] = {}
        for name, value in data.items():
            values[source.mapping.get(name) or natural_target(name) or name] = value
        values.setdefault("form_id", source.form_id)
        values.setdefault("submitted_at", event.get("time"))
        return assemble(values)

    def sign(self, request: HookRequest, secret: bytes, at: float) -> HookRequest:
        bearer = f"Bearer {secret.decode(errors='replace')}"
        try:
            sent = parse_json(request.body)
        except Unparsable:
            sent = None
        if isinstance(sent, list):
            return with_headers(request, content_type=BATCH, authorization=bearer)
        if isinstance(sent, dict) and "specversion" in sent:
            return with_headers(request, content_type=STRUCTURED, authorization=bearer)
        # Data alone: an event is made around it, the same one for the same data.
        made = {
            "ce-specversion": _VERSION,
            "ce-id": body_digest(request.body)[:32],
            "ce-source": "/handraise/send",
            "ce-type": "lead.created",
        }
        made |= {name: value for name, value in request.headers.items() if name in made}
        plain = replace(request, headers={**request.headers, **made})
        return with_headers(plain, content_type="application/json", authorization=bearer)


def _mode(headers: Mapping[str, str]) -> str | None:
    """The media type of a whole event or a batch of them; None in binary mode."""
    media = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media.startswith("application/cloudevents-batch"):
        return BATCH
    return STRUCTURED if media.startswith("application/cloudevents") else None


def _from_headers(headers: Mapping[str, str]) -> dict[str, Any]:
    found = {}
    for name in _ATTRIBUTES:
        value = headers.get(_PREFIX + name)
        if value is not None:
            # Header values are percent-encoded UTF-8, decoded once; other bytes are no text.
            found[name] = unquote_to_bytes(value).decode(errors="replace")
    return found


def _item(body: bytes, event: Mapping[str, Any]) -> Item:
    origin, event_id = event.get("source"), event.get("id")
    named = isinstance(origin, str) and isinstance(event_id, str) and origin and event_id
    return whole(body, f"{origin} {event_id}" if named else None)


def _data(event: Mapping[str, Any]) -> dict[str, Any]:
    data, encoded = event.get("data"), event.get("data_base64")
    if data is None and isinstance(encoded, str):
        try:
            return parse_object(b64decode(encoded, validate=True))
        except (NotBase64, ValueError) as error:
            if isinstance(error, Unparsable):
                raise
            raise Unparsable("data_base64 is not base64") from None
    return object_in(data, "data")
