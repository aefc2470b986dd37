"""Requests as form tools make them."""

from __future__ import annotations

from services.capture.adapters.base import Adapter, HookRequest

URL = "https://h.example/hooks/x"


def signed(adapter: Adapter, body: bytes, secret: bytes, at: float, url: str = URL) -> HookRequest:
    """What the adapter's vendor would send at Unix time ``at``; header names in lower case."""
    plain = HookRequest("POST", url, {}, {"content-type": "application/json"}, body)
    return adapter.sign(plain, secret, at)
