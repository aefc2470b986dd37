"""Apollo (api.apollo.io, v1): persons and companies. See docs/providers/apollo.md.

A miss is status 200 with null. Phones of persons come later, on a webhook, and are not used.
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
