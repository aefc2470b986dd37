"""How the OpenAPI document describes what browsers use."""

from __future__ import annotations

from typing import Any

from fastapi import Response

from services.capture.openapi import problem

_STANDING: dict[str, Any] = {
    "type": "object",
    "title": "SubmissionStanding",
    "required": ["submission_id", "status", "rep", "booking_url", "held_until", "text"],
    "properties": {
        "submission_id": {"type": "string", "format": "uuid"},
        "status": {
            "type": "string",
            "enum": ["received", "assigned", "held"],
            "description": "`received`: nobody to name yet, or never; why is not told.",
        },
        "rep": {
            "type": ["object", "null"],
            "required": ["first_name"],
            "properties": {"first_name": {"type": "string"}},
            "description": "Who will call.",
        },
        "booking_url": {"type": ["string", "null"], "format": "uri"},
        "held_until": {
            "type": ["string", "null"],
            "format": "date-time",
            "description": "When somebody is back, where nobody is free.",
        },
        "text": {
            "type": ["string", "null"],
            "description": "A sentence for the visitor, as the source's `browser` block has it.",
        },
    },
}

STANDING: dict[str, Any] = {
    "operation_id": "readSubmission",
    "summary": "What became of a submission, for the person who made it.",
    "responses": {
        200: {
            "description": "As far as it has come.",
            "content": {"application/json": {"schema": _STANDING}},
        },
        401: problem("The token is not this submission's."),
        422: problem("`wait` is no number of seconds from 0 to 5, or the id is none."),
        429: problem("Too much at once; `Retry-After` says when."),
    },
}

SCRIPT: dict[str, Any] = {
    "operation_id": "websiteScript",
    "summary": "The script for websites; `docs/sources/browser.md` says how to use it.",
    "response_class": Response,
    "responses": {
        200: {
            "description": "Less than 4 kB, without dependencies.",
            "content": {"text/javascript": {"schema": {"type": "string"}}},
        },
        304: {"description": "The browser has it."},
    },
}
