"""Proofs that several feeds share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.capture.adapters import url_token
from services.capture.adapters.base import HookRequest, Verdict, with_headers
from services.capture.adapters.signing import any_secret, ascii_bytes, judged


@dataclass(frozen=True, slots=True)
class SignedBody:
    """A code of the raw body, in a header of its own."""

    header: str
    code: Callable[[bytes, bytes], bytes]
    """(secret, body) -> the header's text."""

    def verify(self, request: HookRequest, secrets: Sequence[bytes], now: float) -> Verdict:
        expected = [self.code(secret, request.body) for secret in secrets]
        return judged(request.headers.get(self.header, ""), expected)

    def sign(self, request: HookRequest, secret: bytes, at: float) -> HookRequest:
        text = self.code(secret, request.body).decode()
        return with_headers(request, **{self.header.replace("-", "_"): text})


@dataclass(frozen=True, slots=True)
class Shown:
    """The secret itself, as ``Authorization: Bearer`` or in the address as ``?token=``."""

    def verify(self, request: HookRequest, secrets: Sequence[bytes], now: float) -> Verdict:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        bearer = ascii_bytes(given.strip()) if scheme.lower() == "bearer" else b""
        in_header = any_secret([bearer], secrets)
        in_address = url_token.verify(request, secrets)
        if in_header and bearer:
            return Verdict.VERIFIED
        return Verdict.MISMATCH if bearer and in_address is Verdict.UNSIGNED else in_address

    def sign(self, request: HookRequest, secret: bytes, at: float) -> HookRequest:
        return url_token.sign(request, secret)
