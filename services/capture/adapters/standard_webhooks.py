"""Standard Webhooks (standardwebhooks.com), versions ``v1`` and ``v1a``.

Signed content ``id.timestamp.body``, base64 with the version and a comma in front: HMAC-SHA256 as
``v1``, ed25519 as ``v1a``. Several signatures are separated by spaces, and versions that we do not
know are skipped, as the specification says. The secret decides the version: ``whpk_`` (a public
key) and ``whsk_`` (the sender's own, for trials) take ``v1a`` and nothing else.
The body is ``{"type", "timestamp", "data"}`` with ``data`` in the shape of ``POST /v1/leads``.
"""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from services.capture.adapters.base import (
    Acknowledgement,
    CannotSign,
    Delivered,
    Evidence,
    HookRequest,
    Ignored,
    Item,
    SourceView,
    Unchallenged,
    Verdict,
    body_digest,
    whole,
    with_headers,
)
from services.capture.adapters.signing import any_matches, ascii_bytes, timely
from services.capture.leadform import LeadForm, assemble, natural_target
from services.capture.wire import object_in, parse_object

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
WINDOW_SECONDS = 300
"""Both ways: a replayed request and a sender whose clock runs ahead."""
_MAX_SIGNATURES = 16
_SECRET_PREFIX = b"whsec_"
_PUBLIC_PREFIX, _PRIVATE_PREFIX = b"whpk_", b"whsk_"
_ED25519_BYTES = 32
_SHORTEST_KEY = 16


class StandardWebhooks(Unchallenged):
    """One event, one person."""

    name = "standard_webhooks"
    kept_headers = frozenset({ID, TIMESTAMP, SIGNATURE, "content-type"})
    acknowledgement = Acknowledgement()
    evidence = Evidence.VECTOR

    def verify(self, request: HookRequest, secrets: Sequence[bytes], now: float) -> Verdict:
        message_id, stamp, given = (request.headers.get(h, "") for h in (ID, TIMESTAMP, SIGNATURE))
        signed = b".".join((ascii_bytes(message_id), ascii_bytes(stamp), request.body))
        shared = [secret for secret in secrets if not _is_asymmetric(secret)]
        expected = [_mac(signed, key) for secret in shared for key in _keys(secret)]
        proven = any_matches(_presented(given, "v1"), expected)
        for secret in secrets:
            # Public keys hide nothing: their number may show in the time.
            proven |= _is_asymmetric(secret) and _proves(_presented(given, "v1a"), signed, secret)
        if not (message_id and stamp and given):
            return Verdict.UNSIGNED
        if not proven:
            return Verdict.MISMATCH
        return timely(stamp, now, WINDOW_SECONDS)

    def split(self, request: HookRequest) -> Sequence[Item]:
        return [whole(request.body, request.headers.get(ID))]

    def to_lead(self, item: Delivered, source: SourceView) -> LeadForm:
        event = parse_object(item.body)
        kind = event.get("type")
        if isinstance(kind, str) and not kind.startswith("lead"):
            raise Ignored.because("type", kind)
        values: dict[str, Any] = {}
        for name, value in object_in(event.get("data"), "data").items():
            values[source.mapping.get(name) or natural_target(name) or name] = value
        values.setdefault("form_id", source.form_id)
        values.setdefault("submitted_at", event.get("timestamp"))
        return assemble(values)

    def sign(self, request: HookRequest, secret: bytes, at: float) -> HookRequest:
        stamp = str(int(at))
        # The same body at the same second is the same message: sending it again is a retry.
        message_id = f"msg_{body_digest(request.body + stamp.encode())[:24]}"
        signed = b".".join((message_id.encode(), stamp.encode(), request.body))
        return with_headers(
            request,
            content_type="application/json",
            webhook_id=message_id,
            webhook_timestamp=stamp,
            webhook_signature=_signature(signed, secret),
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


def _presented(header: str, wanted: str) -> list[bytes]:
    """The header's signatures of one version; anything else in it is skipped."""
    found = []
    for entry in header.split(" ")[:_MAX_SIGNATURES]:
        version, _, signature = entry.partition(",")
        if version == wanted and signature:
            found.append(ascii_bytes(signature))
    return found


def _is_asymmetric(secret: bytes) -> bool:
    return secret.startswith((_PUBLIC_PREFIX, _PRIVATE_PREFIX))


def _private(secret: bytes) -> Ed25519PrivateKey | None:
    # Tools write the seed alone, or the seed with the public key behind it.
    seed = _decoded(secret.removeprefix(_PRIVATE_PREFIX)) or b""
    if not secret.startswith(_PRIVATE_PREFIX) or len(seed) not in (
        _ED25519_BYTES,
        2 * _ED25519_BYTES,
    ):
        return None
    return Ed25519PrivateKey.from_private_bytes(seed[:_ED25519_BYTES])


def _public(secret: bytes) -> Ed25519PublicKey | None:
    if private := _private(secret):
        return private.public_key()
    raw = _decoded(secret.removeprefix(_PUBLIC_PREFIX)) or b""
    if not secret.startswith(_PUBLIC_PREFIX) or len(raw) != _ED25519_BYTES:
        return None
    return Ed25519PublicKey.from_public_bytes(raw)


def _proves(presented: Sequence[bytes], signed: bytes, secret: bytes) -> bool:
    key = _public(secret)
    if key is None:
        return False
    for text in presented:
        try:
            key.verify(_decoded(text) or b"", signed)
        except InvalidSignature:
            continue
        return True
    return False


def _signature(signed: bytes, secret: bytes) -> str:
    if not _is_asymmetric(secret):
        return f"v1,{_mac(signed, _keys(secret)[-1]).decode()}"
    key = _private(secret)
    if key is None:
        raise CannotSign("a public key (whpk_) proves and cannot sign; that takes its whsk_ key")
    return f"v1a,{b64encode(key.sign(signed)).decode()}"
