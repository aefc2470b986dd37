"""Hunter (hunter.io, API v2): verifies addresses and knows companies. See docs/providers/hunter.md.

Its statuses are the reverse of custom: 403 is a rate exceeded, 429 a plan used up.
"""

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
from services.enrichment.providers.shapes import mapping, names, place

_VERDICTS = {
    "valid": ("valid", 0.95),
    "webmail": ("valid", 0.8),
    "accept_all": ("accept_all", 0.5),
    "invalid": ("invalid", 0.95),
    "disposable": ("disposable", 0.95),
}
"""``unknown`` says nothing, so that the next in line is asked."""


def _verifier(about: Subject, _: frozenset[str]) -> Request:
    return Request("/v2/email-verifier", {"email": about["any_email"]})


def _verdict(document: Any, _: Subject) -> Reading | None:
    status = document["data"].get("status")
    if status not in _VERDICTS:
        return None
    word, confidence = _VERDICTS[status]
    return Reading({"email_status": word}, confidence)


def _find(about: Subject, _: frozenset[str]) -> Request:
    return Request("/v2/companies/find", {"domain": about["domain"]})


def _company(document: Any, _: Subject) -> Reading | None:
    data = document["data"]
    if not data:
        return None
    geo = mapping(data.get("geo"))
    return Reading(
        {
            "company": data.get("name"),
            "industry": mapping(data.get("category")).get("industry"),
            "headcount": mapping(data.get("metrics")).get("employees"),
            "company_country": geo.get("countryCode"),
            "headquarters": place(geo.get("city"), geo.get("state"), geo.get("country")),
            "technologies": names(data.get("tech")),
            "phone": data.get("phone"),
        },
        domain=data.get("domain"),
    )


HUNTER = Adapter(
    address="https://api.hunter.io",
    query={"api_key": "{secret}"},
    statuses={
        403: Outcome.RATE_LIMITED,
        429: Outcome.QUOTA,
        202: Outcome.ERROR,  # still verifying: later the answer is there
        222: Outcome.ERROR,  # the mail server of the address misbehaved
        451: Outcome.NO_MATCH,  # the person asked Hunter not to process their data
    },
    calls_per_second=5,
    endpoints=endpoints(
        Endpoint(
            "email_verifier",
            fields=field_set("email_status"),
            needs=field_set("any_email"),
            ask=_verifier,
            read=_verdict,
            prices={Outcome.MATCHED: 0.0075, Outcome.NO_MATCH: 0.0075},
        ),
        Endpoint(
            "company",
            fields=field_set(
                "company industry headcount company_country headquarters technologies phone"
            ),
            needs=field_set("domain"),
            ask=_find,
            read=_company,
        ),
    ),
)
