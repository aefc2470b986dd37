"""Forms filled in whole: every field that an adapter reads has something in it."""

from __future__ import annotations

from typing import Any

FORM: dict[str, Any] = {
    "kind": "demo_request", "email": "dana@northwind.example", "phone": "+4930901820",
    "country": "DE", "form_id": "f", "page_url": "https://x.example/?utm_source=a&gclid=b",
    "referrer": "https://www.google.com/", "utm": {"source": "g", "medium": "cpc"},
    "click_ids": {"gclid": "x"}, "fields": {"a": "b"}, "submitted_at": "2026-11-23T08:00:00Z",
    "consent": [{"purpose": "contact", "channel": "email", "basis": "consent"}],
    "external_id": "4711", "test": False, "first_name": "Zoë", "message": "We are 40.",
}  # fmt: skip
"""As the door of the API takes it."""

STANDARD_WEBHOOK: dict[str, Any] = {
    "type": "lead.created",
    "timestamp": "2026-11-23T08:00:00Z",
    "data": FORM,
}

TYPEFORM: dict[str, Any] = {
    "event_id": "e",
    "event_type": "form_response",
    "form_response": {
        "form_id": "f",
        "token": "t",
        "submitted_at": "2026-11-20T10:02:30Z",
        "hidden": {"utm_source": "newsletter", "page_url": "https://x.example/"},
        "answers": [
            {"type": "email", "email": "d@n.example", "field": {"id": "1", "ref": "email"}},
            {"type": "choice", "choice": {"label": "201-500"}, "field": {"ref": "size"}},
            {"type": "choices", "choices": {"labels": ["a"]}, "field": {"ref": "tools"}},
        ],
    },
}
