"""People Data Labs (API v5): persons and companies. See docs/providers/people_data_labs.md.

A miss is status 404 and free, so ``required`` turns a match without any wanted field into a free
miss, and ``min_likelihood`` a doubtful one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.enrichment.providers.contract import (
    Adapter,
    Ask,
    Endpoint,
    Outcome,
    Reading,
    Request,
    Subject,
    endpoints,
    field_set,
)
from services.enrichment.providers.settings import PeopleDataLabs
from services.enrichment.providers.shapes import country, first, mapping, people, place

_PERSON: Mapping[str, str] = {
    "linkedin_url": "linkedin_url",
    "direct_dial": "mobile_phone",
    "seniority": "job_title_levels",
    "department": "job_title_role",
    "role_confirmed_at": "job_last_verified",
}
_COMPANY: Mapping[str, str] = {
    "company": "name",
    "industry": "industry",
    "headcount": "employee_count",
    "funding_stage": "latest_funding_stage",
    "headquarters": "location",
    "company_country": "location",
}
"""Our field to theirs."""

_LEVELS = {
    "cxo": "c_suite", "owner": "c_suite", "partner": "c_suite", "vp": "vp", "director": "director",
    "manager": "manager", "senior": "senior", "entry": "ic", "training": "intern",
    "unpaid": "intern",
}  # fmt: skip
_HIGHEST_FIRST = tuple(_LEVELS)
_ROLES = {
    "customer_service": "customer_success", "design": "design", "engineering": "engineering",
    "finance": "finance", "human_resources": "hr", "legal": "legal", "marketing": "marketing",
    "public_relations": "marketing", "media": "marketing", "operations": "operations",
    "sales": "sales", "education": "other", "health": "other", "real_estate": "other",
    "trades": "other",
}  # fmt: skip


def adapter(config: PeopleDataLabs) -> Adapter:
    """As configured."""
    return Adapter(
        address="https://api.peopledatalabs.com",
        headers={"x-api-key": "{secret}"},
        calls_per_second=1.5,  # 100 a minute, the free plan; a window of 60 s
        endpoints=endpoints(
            Endpoint(
                "person",
                fields=frozenset(_PERSON),
                needs=field_set("email"),
                takes=field_set("first_name last_name company"),
                ask=_asking("/v5/person/enrich", _PERSON, config.min_likelihood),
                read=_person,
                prices={Outcome.MATCHED: 0.28},
            ),
            Endpoint(
                "company",
                fields=frozenset(_COMPANY),
                needs=field_set("domain"),
                ask=_asking("/v5/company/enrich", _COMPANY, 2),
                read=_company,
                prices={Outcome.MATCHED: 0.10},
            ),
        ),
    )


def _asking(path: str, theirs: Mapping[str, str], least: int) -> Ask:
    names = {"domain": "website"}

    def ask(about: Subject, wanted: frozenset[str]) -> Request:
        required = sorted({theirs[field] for field in wanted & theirs.keys()})
        query = {names.get(part, part): value for part, value in about.items()}
        query["min_likelihood"] = str(least)
        if required:
            query["required"] = " OR ".join(required)
        return Request(path, query)

    return ask


def _person(document: Any, _: Subject) -> Reading | None:
    data = document["data"]
    levels = sorted(set(data.get("job_title_levels") or ()) & _LEVELS.keys(), key=_rank)
    return Reading(
        {
            "linkedin_url": data.get("linkedin_url"),
            # A free plan says only whether there is one: true.
            "direct_dial": _text(data.get("mobile_phone")),
            "seniority": _LEVELS[levels[0]] if levels else None,
            "department": _ROLES.get(data.get("job_title_role") or ""),
            "role_confirmed_at": _text(data.get("job_last_verified")),
        },
        confidence=document["likelihood"] / 10,
    )


def _company(document: Any, _: Subject) -> Reading | None:
    where = mapping(document.get("location"))
    return Reading(
        {
            "company": document.get("display_name") or document.get("name"),
            "industry": document.get("industry"),
            "headcount": people(document.get("employee_count"), document.get("size")),
            "funding_stage": document.get("latest_funding_stage"),
            "headquarters": place(where.get("locality"), where.get("region"), where.get("country")),
            "company_country": country(where.get("country")),
        },
        confidence=document["likelihood"] / 10,
        domain=document.get("website"),
    )


def _rank(level: str) -> int:
    return _HIGHEST_FIRST.index(level)


def _text(value: Any) -> str | None:
    found = first(value)
    return found if isinstance(found, str) else None
