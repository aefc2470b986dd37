"""What the OpenAPI document says about ``/v1/activities`` and ``/v1/signals``."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel

from services.capture.eventform import MAX_BATCH, ActivityForm, SignalForm
from services.capture.openapi import BUSY, IDEMPOTENCY_PARAMETER, inlined, problem

_ID: Final = "0f8b2c0a-5d52-5c39-9a4e-8f0d6a3f4b11"
_ANSWER: Final[dict[str, Any]] = {
    "type": "object",
    "title": "EventAnswer",
    "required": ["status", "event_id"],
    "properties": {
        "status": {
            "type": "string",
            "enum": ["accepted", "duplicate"],
            "description": "`duplicate`: all of it is known to have been delivered before.",
        },
        "event_id": {
            "type": "string",
            "format": "uuid",
            "description": "The event on the bus, of several the first.",
        },
        "event_ids": {
            "type": "array",
            "items": {"type": "string", "format": "uuid"},
            "description": "Of a list, in its order.",
        },
    },
}


def _operation(
    operation_id: str, summary: str, form: type[BaseModel], example: dict[str, Any]
) -> dict[str, Any]:
    schema = inlined(form.model_json_schema())
    several = {"type": "array", "items": schema, "minItems": 1, "maxItems": MAX_BATCH}
    answer = {"status": "accepted", "event_id": _ID}
    return {
        "operation_id": operation_id,
        "summary": summary,
        "responses": {
            200: {
                "description": "Durable: it survives the crash of any process.",
                "content": {
                    "application/json": {
                        "schema": _ANSWER,
                        "examples": {"accepted": {"value": answer}},
                    }
                },
            },
            400: problem("Not JSON, or JSON that two parsers read differently."),
            401: problem("No key, or one that is not known."),
            403: problem("The key may not hand in events."),
            409: problem("The Idempotency-Key was used a moment before, with another body."),
            415: problem("Not JSON in UTF-8, or compressed."),
            422: problem("A field is unknown or wrong; `errors` names it. Nothing was taken."),
            **BUSY,
        },
        "openapi_extra": {
            "parameters": [IDEMPOTENCY_PARAMETER],
            "requestBody": {
                "required": True,
                "content": {
                    "application/json": {
                        "schema": {"oneOf": [schema, several]},
                        "examples": {"one": {"value": example}},
                    }
                },
            },
        },
    }


ACTIVITIES: Final = _operation(
    "recordActivities",
    "Hand in what people and reps did.",
    ActivityForm,
    {
        "activity": "call_connected",
        "occurred_at": "2026-11-23T09:03:00Z",
        "rep_id": "mara.lindqvist",
        "email": "dana@northwind.example",
        "source": "dialler",
        "external_id": "call-90018",
    },
)
SIGNALS: Final = _operation(
    "recordSignals",
    "Hand in what was seen about companies.",
    SignalForm,
    {
        "signal": "funding",
        "domain": "northwind.example",
        "provider": "newsdesk",
        "external_id": "nd-2026-11-20-0042",
        "occurred_at": "2026-11-20T00:00:00Z",
        "detail": "Series B of 24 million.",
    },
)
