"""Secrets that a refused request carried openly, in its address or as a bearer.

Neither is ever kept: whoever reads it can send. What is kept is its keyed hash, which tells nobody
the secret, and says after a mended configuration that it was the right one all along.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from services.capture.adapters import cloudevents, url_token
from services.capture.adapters.base import HookRequest

HEADER: Final = "handraise-presented"
_PARAMETERS = (url_token.PARAMETER, cloudevents.PARAMETER)
_MOST = 1_024


def remembered(request: HookRequest, key: bytes) -> dict[str, str]:
    """The header to keep with a refused request; none where it carried no secret openly."""
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    openly = [request.query.get(name, "") for name in _PARAMETERS]
    openly.append(bearer.strip() if scheme.lower() == "bearer" else "")
    found = next(filter(None, openly), "")
    if not key or not found or len(found) > _MOST:
        return {}
    return {HEADER: _digest(found.encode(errors="surrogatepass"), key)}


def restored(request: HookRequest, secrets: Sequence[bytes], key: bytes) -> HookRequest:
    """The request with the live secret that it carried; as it is where it carried none of them."""
    kept = request.headers.get(HEADER, "")
    headers = without(request.headers)
    for secret in secrets:
        if key and hmac.compare_digest(kept.encode(), _digest(secret, key).encode()):
            text = secret.decode(errors="replace")
            query = dict.fromkeys(_PARAMETERS, text)
            return replace(
                request, query=query, headers={**headers, "authorization": f"Bearer {text}"}
            )
    return replace(request, headers=headers)


def without(headers: Mapping[str, str]) -> dict[str, str]:
    """The sender's own headers."""
    return {name: text for name, text in headers.items() if name != HEADER}


def _digest(text: bytes, key: bytes) -> str:
    return hmac.digest(key, b"presented:" + text, "sha256").hex()
