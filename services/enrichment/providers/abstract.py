"""Abstract (abstractapi.com): verifies addresses. See docs/providers/abstract.md."""

from __future__ import annotations

from typing import Any

from services.enrichment.providers.contract import (
    Adapter,
    Endpoint,
    Outcome,
    Reading,
    Request,
    Subject,
    endpoints,
    field_set,
)
from services.enrichment.providers.shapes import mapping


def _ask(about: Subject, _: frozenset[str]) -> Request:
    return Request("/v1/", {"email": about["any_email"]})


def _read(document: Any, _: Subject) -> Reading | None:
    if mapping(document.get("is_disposable_email")).get("value") is True:
        return Reading({"email_status": "disposable"}, 0.95)
    if mapping(document.get("is_catchall_email")).get("value") is True:
        return Reading({"email_status": "accept_all"}, 0.5)
    match document["deliverability"]:
        case "DELIVERABLE":
            return Reading({"email_status": "valid"}, 0.9)
        case "UNDELIVERABLE":
            return Reading({"email_status": "invalid"}, 0.9)
        case _:  # RISKY and UNKNOWN: the next in line may know
            return None


ABSTRACT = Adapter(
    address="https://emailvalidation.abstractapi.com",
    query={"api_key": "{secret}"},
    statuses={422: Outcome.QUOTA},
    calls_per_second=1,  # the free plan
    endpoints=endpoints(
        Endpoint(
            "email",
            fields=field_set("email_status"),
            needs=field_set("any_email"),
            ask=_ask,
            read=_read,
            prices={Outcome.MATCHED: 0.001, Outcome.NO_MATCH: 0.001},
        ),
    ),
)
