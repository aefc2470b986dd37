"""Netlify Forms: the outgoing webhook of a form's submissions.

``X-Webhook-Signature`` is a JWS (HS256) whose claims are ``iss: netlify`` and ``sha256``, the hex
digest of the raw body. PyJWT checks it with that one algorithm; no time is claimed.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jwt

from services.capture.adapters.base import (
    Acknowledgement,
    Delivered,
    Evidence,
    HookRequest,
    Item,
    SourceView,
    Unchallenged,
    Verdict,
    body_digest,
    one_item,
    with_headers,
)
from services.capture.adapters.signing import MAX_PROOF, ascii_bytes
from services.capture.leadform import LeadForm, assemble, natural_target
from services.capture.wire import object_in, parse_object

HEADER = "x-webhook-signature"
ISSUER = "netlify"
_ALGORITHM = "HS256"
_OPTIONS: Any = {
    "require": ["iss", "sha256"],
    # Netlify claims no time, and an adapter has no clock.
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
}
_NOT_ANSWERS = frozenset({"ip", "user_agent"})
_PERSON = ("email", "first_name", "last_name", "name", "company")


class Netlify(Unchallenged):
    """One submission per request; a question is named by the input's ``name`` attribute."""

    name = "netlify"
    kept_headers = frozenset({HEADER, "content-type"})
    acknowledgement = Acknowledgement()
    evidence = Evidence.MEMORY

    def verify(self, request: HookRequest, secrets: Sequence[bytes], now: float) -> Verdict:
        given = ascii_bytes(request.headers.get(HEADER, ""))
        digest = body_digest(request.body)
        proven = False
        for secret in secrets:
            # No early exit: which secret matched must not show in the time.
            proven |= _proves(given, digest, secret)
        if proven:
            return Verdict.VERIFIED
        return Verdict.MISMATCH if request.headers.get(HEADER) else Verdict.UNSIGNED

    def split(self, request: HookRequest) -> Sequence[Item]:
        return one_item(request.body, lambda sent: sent.get("id"))

    def to_lead(self, item: Delivered, source: SourceView) -> LeadForm:
        sent = parse_object(item.body)
        object_in(sent.get("data"), "data")
        values: dict[str, Any] = {}
        for target, value in _values(sent, source.mapping):
            if value not in (None, "") and target not in values:
                values[target] = value
        values["form_id"] = source.form_id or sent.get("form_id") or sent.get("form_name")
        values["submitted_at"] = sent.get("created_at")
        return assemble(values)

    def sign(self, request: HookRequest, secret: bytes, at: float) -> HookRequest:
        claims = {"iss": ISSUER, "sha256": body_digest(request.body)}
        return with_headers(
            request,
            content_type="application/json",
            x_webhook_signature=jwt.encode(claims, secret, algorithm=_ALGORITHM),
        )


def _proves(token: bytes, digest: str, secret: bytes) -> bool:
    if not token or len(token) > MAX_PROOF:
        return False
    try:
        claims = jwt.decode(token, secret, [_ALGORITHM], _OPTIONS, issuer=ISSUER)
    except jwt.PyJWTError:
        return False
    claimed = claims["sha256"]
    return isinstance(claimed, str) and hmac.compare_digest(ascii_bytes(claimed), digest.encode())


def _values(sent: Mapping[str, Any], mapping: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    """By target; of two with one target the first that has a value counts."""
    for name, value in sent["data"].items():
        if name in mapping:
            yield mapping[name], value
        elif name == "referrer":
            yield "page_url", value  # that of the request which brought the form: its own page
        elif name not in _NOT_ANSWERS:
            yield _target(name), ", ".join(map(str, value)) if isinstance(value, list) else value
    for name in _PERSON:
        yield _target(name), sent.get(name)


def _target(name: str) -> str:
    return "full_name" if name == "name" else natural_target(name) or f"fields.{name}"
