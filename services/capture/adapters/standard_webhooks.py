"""Standard Webhooks (standardwebhooks.com), version ``v1``.

Signed content ``id.timestamp.body``, HMAC-SHA256, base64, ``v1,`` in front; several signatures are
separated by spaces, and versions that we do not know are skipped, as the specification says.
The body is ``{"type", "timestamp", "data"}`` with ``data`` in the shape of ``POST /v1/leads``.
"""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Sequence
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
    body_digest,
    whole,
    with_headers,
)
from services.capture.adapters.signing import any_matches, ascii_bytes
from services.capture.leadform import LeadForm, assemble, natural_target
from services.capture.wire import parse_object

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
WINDOW_SECONDS = 300
"""Both ways: a replayed request and a sender whose clock runs ahead."""
_MAX_SIGNATURES = 16
_SECRET_PREFIX = b"whsec_"
_SHORTEST_KEY = 16


class StandardWebhooks:
    """One event, one person."""

    name = "standard_webhooks"
    kept_headers = frozenset({ID, TIMESTAMP, SIGNATURE, "content-type"})
    acknowledgement = Acknowledgement()
    evidence = Evidence.VECTOR

    def handshake(self, request: HookRequest, secrets: Sequence[bytes]) -> Handshake | None:
        return None

    def verify(self, request: HookRequest, secrets: Sequence[bytes], now: float) -> Verdict:
        message_id, stamp, given = (request.headers.get(h, "") for h in (ID, TIMESTAMP, SIGNATURE))
        signed = b".".join((ascii_bytes(message_id), ascii_bytes(stamp), request.body))
        expected = [_mac(signed, key) for secret in secrets for key in _keys(secret)]
        proven = any_matches(_presented(given), expected)
        if not (message_id and stamp and given):
            return Verdict.UNSIGNED
        if not proven:
            return Verdict.MISMATCH
        return Verdict.VERIFIED if _recent(stamp, now) else Verdict.STALE

    def split(self, request: HookRequest) -> Sequence[Item]:
        return [whole(request.body, request.headers.get(ID))]

    def to_lead(self, item: Delivered, source: SourceView) -> LeadForm:
        event = parse_object(item.body)
        kind = event.get("type")
        if isinstance(kind, str) and not kind.startswith("lead"):
            raise Ignored(f"type is {kind[:50]!r}")
        data = event.get("data")
        if not isinstance(data, dict):
            raise Unparsable("data is missing or no object")
        values: dict[str, Any] = {}
        for name, value in data.items():
            values[source.mapping.get(name) or natural_target(name) or name] = value
        values.setdefault("form_id", source.form_id)
        values.setdefault("submitted_at", event.get("timestamp"))
        return assemble(values)

    def sign(self, request: HookRequest, secret: bytes, at: float) -> HookRequest:
        stamp = str(int(at))
        # The same body at the same second is the same message: sending it again is a retry.
        message_id = f"msg_{body_digest(request.body + stamp.encode())[:24]}"
        signed = b".".join((message_id.encode(), stamp.encode(), request.body))
        key = _keys(secret)[-1]
        return with_headers(
            request,
            content_type="application/json",
            webhook_id=message_id,
            webhook_timestamp=stamp,
            webhook_signature=f"v1,{_mac(signed, key).decode()}",
        )


def _mac(signed: bytes, key: bytes) -> bytes:
    return b64encode(hmac.digest(key, signed, sha256))


def _keys(secret: bytes) -> list[bytes]:
    """The keys that a configured secret may stand for.

    With ``whsec_`` the rest is base64. Without it tools differ: some take the text as the key and
    some decode it, so both are live where the text is base64 of a real key.
    """
    if secret.startswith(_SECRET_PREFIX):
        decoded = _decoded(secret.removeprefix(_SECRET_PREFIX))
        # A secret that cannot be decoded must still cost a comparison, which then fails.
        return [decoded] if decoded else [sha256(b"undecodable" + secret).digest()]
    decoded = _decoded(secret)
    return [decoded, secret] if decoded and len(decoded) >= _SHORTEST_KEY else [secret]


def _decoded(text: bytes) -> bytes | None:
    try:
        return b64decode(text, validate=True)
    except (NotBase64, ValueError):
        return None


def _presented(header: str) -> list[bytes]:
    """The ``v1`` signatures of the header; anything else in it is skipped."""
    found = []
    for entry in header.split(" ")[:_MAX_SIGNATURES]:
        version, _, signature = entry.partition(",")
        if version == "v1" and signature:
            found.append(ascii_bytes(signature))
    return found


def _recent(stamp: str, now: float) -> bool:
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
        return False
    return abs(now - int(stamp)) <= WINDOW_SECONDS
