"""How the OpenAPI document describes capture's operations."""

from __future__ import annotations

from typing import Any

from services.capture.leadform import LeadForm

_EXAMPLE = {
    "kind": "demo_request",
    "email": "dana@northwind.example",
    "first_name": "Dana",
    "company": "Northwind",
    "phone": "+49 30 901820",
    "country": "DE",
    "message": "We are 40 reps and lose inbound leads at night.",
    "form_id": "demo",
    "page_url": "https://www.example.com/demo?utm_source=google&utm_medium=cpc",
    "consent": [{"purpose": "contact", "channel": "email", "basis": "consent"}],
    "fields": {"team_size": "40"},
}
_ID = "0f8b2c0a-5d52-5c39-9a4e-8f0d6a3f4b11"

_ANSWER: dict[str, Any] = {
    "type": "object",
    "title": "SubmissionAnswer",
    "required": ["status", "submission_id"],
    "properties": {
        "status": {
            "type": "string",
            "enum": ["accepted", "duplicate"],
            "description": "`duplicate`: it is known to have been delivered before.",
        },
        "submission_id": {
            "type": ["string", "null"],
            "format": "uuid",
            "description": "Follows it to its end; null where the request held no item.",
        },
        "token": {
            "type": "string",
            "description": "For `GET /v1/submissions/{id}`; of `/v1/leads` alone.",
        },
        "submission_ids": {
            "type": "array",
            "items": {"type": "string", "format": "uuid"},
            "description": "Of a request with several items, in their order.",
        },
    },
}
_OK: dict[str, Any] = {
    "description": "Durable: it survives the crash of any process.",
    "content": {
        "application/json": {
            "schema": _ANSWER,
            "examples": {
                "accepted": {"value": {"status": "accepted", "submission_id": _ID}},
                "duplicate": {"value": {"status": "duplicate", "submission_id": _ID}},
            },
        }
    },
}


def problem(description: str) -> dict[str, Any]:
    """An answer that is a problem document."""
    """A response that is a problem document."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        "description": description,
        "content": {"application/problem+json": {"schema": schema}},
    }


BUSY: dict[int | str, dict[str, Any]] = {
    408: problem("The body came too slowly."),
    413: problem("The body is larger than the source's limit."),
    429: problem("Too much at once; `Retry-After` says when."),
    503: problem("Neither store answers; `Retry-After` says when to send it again."),
}


def inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """A model's schema with its parts in place, so that it stands alone inside an operation."""
    parts = schema.pop("$defs", {})

    def placed(node: Any) -> Any:
        match node:
            case {"$ref": str(target), **rest}:
                return {**placed(parts[target.rpartition("/")[2]]), **rest}
            case dict():
                return {name: placed(value) for name, value in node.items()}
            case list():
                return [placed(value) for value in node]
            case _:
                return node

    found: dict[str, Any] = placed(schema)
    return found


IDEMPOTENCY_PARAMETER: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Makes a repeat safe for 30 days. Without it the same body counts "
    "as a repeat for 24 hours.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200},
}

LEADS: dict[str, Any] = {
    "operation_id": "createLead",
    "summary": "Hand in a lead.",
    "responses": {
        200: _OK,
        400: problem("Not JSON, or JSON that two parsers read differently."),
        401: problem("No key, or one that is not known."),
        403: problem("The key may not create leads."),
        409: problem("The Idempotency-Key was used before, with another body."),
        415: problem("Not JSON in UTF-8, or compressed."),
        422: problem("A field is unknown or wrong; `errors` names it."),
        **BUSY,
    },
    "openapi_extra": {
        "parameters": [IDEMPOTENCY_PARAMETER],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": inlined(LeadForm.model_json_schema()),
                    "examples": {"demo": {"value": _EXAMPLE}},
                }
            },
        },
    },
}

HOOK: dict[str, Any] = {
    "operation_id": "receiveHook",
    "summary": "A form tool delivers.",
    "responses": {
        200: _OK,
        401: problem("Not proven: a wrong signature and an unknown source sound the same."),
        **BUSY,
    },
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "description": "Whatever the source's adapter reads; kept as raw bytes.",
            "content": {
                "application/json": {
                    "schema": {},
                    "examples": {
                        "standard_webhooks": {
                            "value": {
                                "type": "lead.created",
                                "timestamp": "2026-11-23T09:00:00Z",
                                "data": {
                                    "kind": "demo_request",
                                    "email": "dana@northwind.example",
                                },
                            }
                        }
                    },
                }
            },
        }
    },
}

HANDSHAKE: dict[str, Any] = {
    "operation_id": "hookHandshake",
    "summary": "A vendor checks the address.",
    "responses": {
        200: {
            "description": "The answer to the challenge.",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        },
        401: problem("No valid challenge, or an unknown source."),
    },
}
