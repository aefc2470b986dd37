"""What the OpenAPI document says about ``/v1/prospects``."""

from __future__ import annotations

from typing import Any, Final

from services.capture.openapi import BUSY, IDEMPOTENCY_PARAMETER, problem

_FAULT: Final = {
    "type": "object",
    "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
}
_RESULT: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["line", "status"],
    "properties": {
        "line": {"type": "integer", "description": "From 1, as the sender counts them."},
        "status": {"type": "string", "enum": ["accepted", "duplicate", "invalid"]},
        "submission_id": {"type": "string", "format": "uuid"},
        "errors": {"type": "array", "items": _FAULT, "description": "Of an invalid line."},
    },
}
_ANSWER: Final[dict[str, Any]] = {
    "type": "object",
    "title": "ProspectsAnswer",
    "required": ["accepted", "duplicate", "invalid", "results"],
    "properties": {
        "accepted": {"type": "integer"},
        "duplicate": {"type": "integer"},
        "invalid": {"type": "integer"},
        "results": {"type": "array", "items": _RESULT},
    },
}
_EXAMPLE: Final = (
    '{"email": "dana@northwind.example", "company": "Northwind", "job_title": "VP Sales"}\n'
    '{"email": "lee@contoso.example", "external_id": "list-42/18"}\n'
)
PROSPECTS: Final[dict[str, Any]] = {
    "operation_id": "createProspects",
    "summary": "Hand in a list of prospects.",
    "responses": {
        200: {
            "description": "What became of each line. Accepted ones are durable; others were not "
            "taken.",
            "content": {"application/json": {"schema": _ANSWER}},
        },
        401: problem("No key, or one that is not known."),
        403: problem("The key may not hand in prospects."),
        415: problem("Not lines of JSON, or compressed."),
        422: problem("No line, or more than 1,000."),
        **BUSY,
        429: problem(
            "Too much at once, or prospects wait for over a minute; `Retry-After` says when."
        ),
    },
    "openapi_extra": {
        "parameters": [
            {
                **IDEMPOTENCY_PARAMETER,
                "description": "With the number of the line it makes a repeat safe for 30 days. "
                "Without it the same line counts as a repeat for 24 hours.",
            }
        ],
        "requestBody": {
            "required": True,
            "description": "At most 1,000 lines, each the form of `/v1/leads` with the kind "
            "`prospect`, or without one.",
            "content": {
                "application/x-ndjson": {
                    "schema": {"type": "string"},
                    "examples": {"two": {"value": _EXAMPLE}},
                }
            },
        },
    },
}
