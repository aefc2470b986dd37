"""What HubSpot's senders have in common: the proof, and how a contact is read.

Version 3 of the signature: base64 of HMAC-SHA256, keyed with the app's client secret, over method,
URI, body and timestamp (milliseconds). Versions 1 and 2 sign no time and are not taken. HubSpot
decodes some percent-escapes of the URI before it signs and its documents disagree on which, so the
URI as called and the decoded one both count.
"""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any
from urllib.parse import unquote

from services.capture.adapters.base import HookRequest, Verdict, with_headers
from services.capture.adapters.signing import any_matches, ascii_bytes, timely
from services.capture.leadform import natural_target
from services.capture.wire import object_or_none

SIGNATURE, TIMESTAMP = "x-hubspot-signature-v3", "x-hubspot-request-timestamp"
WINDOW_SECONDS = 300
KEPT = frozenset({SIGNATURE, TIMESTAMP, "content-type"})
_PROPERTIES = {
    "email": "email",
    "firstname": "first_name",
    "lastname": "last_name",
    "company": "company",
    "jobtitle": "job_title",
    "phone": "phone",
    "mobilephone": "phone",
    "country": "country",
    "ip_country_code": "country",
    "message": "message",
    "hs_google_click_id": "click_ids.gclid",
    "hs_facebook_click_id": "click_ids.fbclid",
}
"""HubSpot's own names of contact properties; of two with one target the first that has a value."""
WANTED = tuple(_PROPERTIES)
"""What to ask of the API where the configuration asks for nothing else."""
_OWN_PREFIX = "hs_"


def verify(request: HookRequest, secrets: Sequence[bytes], now: float) -> Verdict:
    """Whether version 3 of the signature proves the request."""
    given = request.headers.get(SIGNATURE, "")
    stamp = request.headers.get(TIMESTAMP, "")
    urls = {request.url, unquote(request.url)}
    expected = [_mac(request, url, stamp, secret) for secret in secrets for url in sorted(urls)]
    proven = any_matches([ascii_bytes(given)], expected)
    if not (given and stamp):
        return Verdict.UNSIGNED
    if not proven:
        return Verdict.MISMATCH
    return timely(stamp, now, WINDOW_SECONDS, per_second=1000)


def sign(request: HookRequest, secret: bytes, at: float) -> HookRequest:
    """The request with HubSpot's headers."""
    stamp = str(int(at * 1000))
    return with_headers(
        request,
        content_type="application/json",
        x_hubspot_request_timestamp=stamp,
        x_hubspot_signature_v3=_mac(request, request.url, stamp, secret).decode(),
    )


def contact_values(contact: Mapping[str, Any], mapping: Mapping[str, str]) -> dict[str, Any]:
    """Values by target of a contact's properties, as workflows send them (each with its history)
    or as the object API gives them (plain)."""
    properties = object_or_none(contact.get("properties"))
    plain = {name: _plain(value) for name, value in properties.items()}
    ordered = [*(name for name in _PROPERTIES if name in plain), *sorted(plain)]
    values: dict[str, Any] = {}
    for name in dict.fromkeys(ordered):
        target = mapping.get(name) or _PROPERTIES.get(name) or natural_target(name)
        if target is None and name.startswith(_OWN_PREFIX):
            continue  # HubSpot's book-keeping, hundreds of them
        if plain[name] in (None, "") or target in values:
            continue
        values[target or f"fields.{name}"] = plain[name]
    return values


def _plain(value: Any) -> Any:
    return value.get("value") if isinstance(value, dict) else value


def _mac(request: HookRequest, url: str, stamp: str, secret: bytes) -> bytes:
    target = f"{request.method}{url}".encode(errors="surrogatepass")
    signed = b"".join((target, request.body, ascii_bytes(stamp)))
    return b64encode(hmac.digest(secret, signed, sha256))
