"""What the fuzzer makes wrong: something valid for every door of capture, and some that is not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from services.capture.adapters import ADAPTERS
from tests.support.forms import FORM, STANDARD_WEBHOOK, TYPEFORM

ROOT = Path(__file__).parents[2]
Seed = tuple[bytes, dict[str, str]]
"""A body with its headers; for what is read by GET, the path's end or the query."""

_MORE_SEEDS: dict[str, list[dict[str, Any]]] = {
    "api": [FORM],
    "standard_webhooks": [STANDARD_WEBHOOK],
    "typeform": [TYPEFORM],
}


HANDSHAKES = {
    "handshake-meta_lead_ads": b"hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=t",
    "handshake-linkedin_lead_gen": b"challengeCode=890e4665-4dfe-4ab1-b689-ed553bceeed0",
}
"""What a vendor asks, by GET, before it delivers."""
SUBMISSION = "01912b5a-0000-7000-8000-000000000001"
_EVENTS = {
    "activities": {
        "activity": "call_connected", "occurred_at": "2026-11-23T08:03:00Z", "actor": "human",
        "rep_id": "mara.lindqvist", "email": "dana@northwind.example", "phone": "+4930901820",
        "lead_id": SUBMISSION, "source": "dialler", "external_id": "call-90018",
        "page_url": "https://x.example/", "amount": 12.5, "detail": "Hi", "domain": "n.example",
    },
    "signals": {
        "signal": "funding", "domain": "northwind.example", "provider": "newsdesk",
        "external_id": "nd-42", "occurred_at": "2026-11-20T00:00:00Z", "strength": 0.5,
        "detail": "Series B of 24 million.", "url": "https://x.example/", "company": "Northwind",
    },
}  # fmt: skip
_JSON = {"content-type": "application/json"}
_LINES = {"content-type": "application/x-ndjson"}


def seeds(door: str) -> Iterator[Seed]:
    """Bodies with their headers: for an adapter its committed examples, good and bad, and more."""
    if door in ADAPTERS:
        for form in _MORE_SEEDS.get(door, []):
            yield json.dumps(form).encode(), _JSON
        for path in sorted((ROOT / "schemas/examples/sources" / door).glob("*/*")):
            body = path.read_bytes()
            yield body, {"content-type": content_type(body)}
    elif door in _EVENTS:
        yield json.dumps(_EVENTS[door]).encode(), _JSON
        yield json.dumps([_EVENTS[door]] * 3).encode(), _JSON
    elif door == "prospects":
        line = json.dumps({"email": "dana@northwind.example", "company": "Northwind"})
        yield line.encode(), _LINES
        yield f"{line}\n{json.dumps(FORM | {'kind': 'prospect'})}\n".encode(), _LINES
    elif door == "submission":
        yield SUBMISSION.encode(), {}
    else:
        yield HANDSHAKES[door], {}


def content_type(body: bytes) -> str:
    """What the sender of such a body would say that it is."""
    first = body.partition(b"\n")[0].strip()
    if first.startswith(b"--"):
        return f"multipart/form-data; boundary={first[2:].decode('ascii', 'replace')}"
    if b"=" in first and not first.startswith((b"{", b"[")):
        return "application/x-www-form-urlencoded"
    return "application/json"
