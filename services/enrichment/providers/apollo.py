"""Apollo (api.apollo.io, v1): persons and companies. See docs/providers/apollo.md.

A miss is status 200 with null. Phones of persons come later, on a webhook.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from services.enrichment.providers.contract import (
    Adapter,
    Endpoint,
    Later,
    Outcome,
    Reading,
    Request,
    Subject,
    endpoints,
    field_set,
)
from services.enrichment.providers.settings import Apollo, Phones
from services.enrichment.providers.shapes import country, mapping, names, place, texts

_SENIORITIES = {
    "owner": "c_suite", "founder": "c_suite", "c_suite": "c_suite", "partner": "c_suite",
    "vp": "vp", "head": "head", "director": "director", "manager": "manager", "senior": "senior",
    "entry": "ic", "intern": "intern",
}  # fmt: skip
_DEPARTMENTS = {
    "engineering_technical": "engineering", "engineering": "engineering", "design": "design",
    "sales": "sales", "marketing": "marketing", "finance": "finance", "operations": "operations",
    "human_resources": "hr", "information_technology": "it", "legal": "legal",
    "product_management": "product", "product": "product", "support": "customer_success",
    "data_science": "data", "education": "other", "medical_health": "other",
    "c_suite": "general_management", "consulting": "other",
}  # fmt: skip


def _match(about: Subject, _: frozenset[str]) -> Request:
    names = {"company": "organization_name"}
    query = {names.get(part, part): value for part, value in about.items()}
    return Request("/api/v1/people/match", query, method="POST")


def _person(document: Any, _: Subject) -> Reading | None:
    person = document["person"]
    if person is None:
        return None
    masters = [one.removeprefix("master_") for one in texts(person.get("departments"))]
    departments = [_DEPARTMENTS[one] for one in masters if one in _DEPARTMENTS]
    return Reading(
        {
            # "guessed" and "unavailable" say nothing about the address that the person gave.
            "email_status": "valid" if person.get("email_status") == "verified" else None,
            "linkedin_url": person.get("linkedin_url"),
            "seniority": _SENIORITIES.get(str(person.get("seniority"))),
            "department": departments[0] if departments else None,
        }
    )


def _enrich(about: Subject, _: frozenset[str]) -> Request:
    return Request("/api/v1/organizations/enrich", {"domain": about["domain"]})


def _company(document: Any, _: Subject) -> Reading | None:
    found = document["organization"]
    if found is None:
        return None
    phone = mapping(found.get("primary_phone"))
    return Reading(
        {
            "company": found.get("name"),
            "industry": found.get("industry"),
            "headcount": found.get("estimated_num_employees"),
            "funding_stage": found.get("latest_funding_stage"),
            "headquarters": place(found.get("city"), found.get("state"), found.get("country")),
            "company_country": country(found.get("country")),
            "technologies": names(found.get("technology_names"), found.get("current_technologies")),
            "phone": phone.get("sanitized_number") or phone.get("number") or found.get("phone"),
        },
        domain=found.get("primary_domain"),
    )


_KINDS: Final = {"mobile": 0, "work_direct": 1, "direct": 1, "other": 2}
"""Lines that a person answers, the best first; of a switchboard or a home nothing is taken."""
_UNSURE: Final = 0.5
_MOST_NUMBERS: Final = 50


def _reveal(about: Subject, _: frozenset[str]) -> Request:
    query = {"email": about["email"], "reveal_phone_number": "true"}
    return Request("/api/v1/people/match", query, method="POST")


def _promised(document: Any, _: Subject) -> Reading | None:
    person = document["person"]
    if person is None:
        return None
    return Reading({}, later=True, reference=str(person["id"]))


def _brought(document: Any, reference: str | None) -> Reading | None:
    """The best number of the one person who was asked about."""
    people = document["people"]
    if not isinstance(people, list):
        raise TypeError("people is no list")
    ours = [one for one in people if reference is None or one["id"] == reference]
    if people and len(ours) != 1:
        raise ValueError("it is about somebody else")
    found = [one for person in ours for one in person.get("phone_numbers") or ()]
    usable = [one for one in found[:_MOST_NUMBERS] if _usable(one)]
    if not usable:
        return None
    best = min(usable, key=lambda one: (_doubtful(one), _KINDS[one.get("type_cd") or "other"]))
    number = best.get("sanitized_number") or best.get("raw_number")
    return Reading({"direct_dial": number}, confidence=_UNSURE if _doubtful(best) else None)


def _usable(number: Mapping[str, Any]) -> bool:
    """Not said to be wrong, not on a do-not-call list, and a line that the person answers."""
    return (
        number.get("status_cd") != "invalid_number"
        and number.get("dnc_status_cd") != "found"
        and (number.get("type_cd") or "other") in _KINDS
    )


def _doubtful(number: Mapping[str, Any]) -> bool:
    return number.get("confidence_cd") == "low"


_CREDIT = {Outcome.MATCHED: 0.02, Outcome.NO_MATCH: 0.02}

APOLLO = Adapter(
    address="https://api.apollo.io",
    headers={"x-api-key": "{secret}", "cache-control": "no-cache"},
    calls_per_second=50 / 60,  # the free plan; paid ones allow 1,000 a minute
    endpoints=endpoints(
        Endpoint(
            "person",
            fields=field_set("email_status linkedin_url seniority department"),
            needs=field_set("email"),
            takes=field_set("first_name last_name company domain"),
            ask=_match,
            read=_person,
            prices=_CREDIT,
        ),
        Endpoint(
            "company",
            fields=field_set(
                "company industry headcount funding_stage headquarters company_country "
                "technologies phone"
            ),
            needs=field_set("domain"),
            ask=_enrich,
            read=_company,
            prices=_CREDIT,
        ),
    ),
)
_REVEALED = {Outcome.MATCHED: 0.18, Outcome.NO_MATCH: 0.02}


def adapter(config: Apollo) -> Adapter:
    """Apollo as it is configured: phones only where it can bring them."""
    if config.phones is None:
        return APOLLO
    known = {**APOLLO.endpoints, "phone": _phone(config.phones)}
    return replace(APOLLO, endpoints=known)


def _phone(phones: Phones) -> Endpoint:
    patience = timedelta(hours=phones.wait_hours)
    return Endpoint(
        "phone",
        fields=field_set("direct_dial"),
        needs=field_set("email"),
        ask=_reveal,
        read=_promised,
        prices=_REVEALED,
        late=Later(phones.webhook, "webhook_url", _brought, patience),
    )
