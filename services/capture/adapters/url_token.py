"""The proof of senders that sign nothing: a secret in the address, as ``?token=``.

It is weaker than a signature: whoever reads the address can send. So it is never kept or logged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import quote, urlsplit

from services.capture.adapters.base import HookRequest, Verdict
from services.capture.adapters.signing import any_secret

PARAMETER = "token"


def verify(request: HookRequest, secrets: Sequence[bytes]) -> Verdict:
    """Whether the address holds one of the live secrets."""
    given = request.query.get(PARAMETER, "")
    proven = any_secret([given.encode(errors="surrogatepass")], secrets)
    if not given:
        return Verdict.UNSIGNED
    return Verdict.VERIFIED if proven else Verdict.MISMATCH


def sign(request: HookRequest, secret: bytes) -> HookRequest:
    """The request to the address with the secret in it."""
    text = secret.decode(errors="replace")
    joint = "&" if urlsplit(request.url).query else "?"
    return replace(
        request,
        url=f"{request.url}{joint}{PARAMETER}={quote(text, safe='')}",
        query={**request.query, PARAMETER: text},
    )
