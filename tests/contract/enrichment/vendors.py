"""What vendors answer, in their own formats, and what Handraise must make of it.

Sources of each format are named in docs/providers. Where a key is in the environment
(``HANDRAISE_VENDOR_KEY_HUNTER`` …) the suite asks the vendor itself too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

SECRET = "s3cret"


@dataclass(frozen=True)
class Case:
    """One endpoint of one vendor."""

    vendor: str
    endpoint: str
    about: dict[str, str]
    hit: Any
    values: dict[str, object]
    """Of the hit."""
    line: str
    """How the request must begin."""
    signed: tuple[str, str] | None
    """Header and value that hold the key; None: it is in the query."""
    miss: tuple[int, Any]
    """Status and document of a clean miss."""
    limited: int = 429
    used_up: int = 402
    miss_is_free: bool = True
    live: dict[str, str] = field(default_factory=dict)
    """A subject that the vendor surely knows."""

    @property
    def id(self) -> str:
        return f"{self.vendor}.{self.endpoint}"


_DOMAIN = {"domain": "acme.example"}
_PERSON = {"email": "ana@acme.example", "first_name": "Ana", "domain": "acme.example"}
_KNOWN = {"domain": "stripe.com"}

HUNTER_VERIFIER = {
    "data": {
        "status": "valid", "result": "deliverable", "score": 100, "email": "ana@acme.example",
        "regexp": True, "gibberish": False, "disposable": False, "webmail": False,
        "mx_records": True, "smtp_server": True, "smtp_check": True, "accept_all": False,
        "block": False, "sources": [],
    },
    "meta": {"params": {"email": "ana@acme.example"}},
}  # fmt: skip
HUNTER_COMPANY = {
    "data": {
        "id": "1c1b6d2e", "name": "Acme", "legalName": "Acme Inc.", "domain": "acme.example",
        "category": {"sector": "Information Technology", "industry": "Software", "tags": []},
        "foundedYear": 2011, "location": "Berlin, Germany",
        "geo": {"city": "Berlin", "state": "Berlin", "country": "Germany", "countryCode": "DE"},
        "metrics": {"employees": 640, "employeesRange": "501-1K"},
        "tech": ["Google Analytics", "HubSpot"], "linkedin": {"handle": "company/acme"},
        "phone": "+49 30 123456",
    },
    "meta": {"params": {"domain": "acme.example"}},
}  # fmt: skip
PDL_PERSON = {
    "status": 200,
    "likelihood": 9,
    "data": {
        "id": "qEnOZ5Oh0poWnQ1luFBfVw_0000", "full_name": "ana lima",
        "linkedin_url": "linkedin.com/in/analima", "mobile_phone": "+4915112345678",
        "job_title": "vp of sales", "job_title_role": "sales", "job_title_levels": ["vp"],
        "job_company_name": "acme", "job_last_verified": "2026-10-01", "phone_numbers": [],
    },
}  # fmt: skip
PDL_COMPANY = {
    "status": 200, "name": "acme", "display_name": "Acme", "website": "acme.example",
    "size": "501-1000", "employee_count": 640, "founded": 2011, "industry": "computer software",
    "latest_funding_stage": "series_b", "likelihood": 8,
    "location": {"name": "berlin, berlin, germany", "locality": "berlin", "region": "berlin",
                 "country": "germany", "continent": "europe"},
}  # fmt: skip
PDL_MISS = {
    "status": 404,
    "error": {"type": "not_found", "message": "No records were found matching your request"},
}
APOLLO_PERSON = {
    "person": {
        "id": "64a7ff0cc4dfae00013df1a5", "first_name": "Ana", "last_name": "Lima",
        "linkedin_url": "http://www.linkedin.com/in/analima", "title": "VP Sales",
        "email_status": "verified", "seniority": "vp", "departments": ["master_sales"],
        "organization": {"id": "5e66b6381e05b4008c8331b8", "name": "Acme"},
    }
}  # fmt: skip
APOLLO_COMPANY = {
    "organization": {
        "id": "5e66b6381e05b4008c8331b8", "name": "Acme", "primary_domain": "acme.example",
        "industry": "information technology & services", "estimated_num_employees": 640,
        "city": "Berlin", "state": "Berlin", "country": "Germany",
        "latest_funding_stage": "Series B", "technology_names": ["Salesforce", "Gmail"],
        "primary_phone": {"number": "+49 30 123456", "sanitized_number": "+4930123456"},
    }
}  # fmt: skip
ABSTRACT_EMAIL = {
    "email": "ana@acme.example", "autocorrect": "", "deliverability": "DELIVERABLE",
    "quality_score": "0.90", "is_valid_format": {"value": True, "text": "TRUE"},
    "is_free_email": {"value": False, "text": "FALSE"},
    "is_disposable_email": {"value": False, "text": "FALSE"},
    "is_role_email": {"value": False, "text": "FALSE"},
    "is_catchall_email": {"value": False, "text": "FALSE"},
    "is_mx_found": {"value": True, "text": "TRUE"},
    "is_smtp_valid": {"value": True, "text": "TRUE"},
}  # fmt: skip
IPINFO_LITE = {
    "ip": "8.8.8.8", "asn": "AS15169", "as_name": "Google LLC", "as_domain": "google.com",
    "country_code": "US", "country": "United States", "continent_code": "NA",
    "continent": "North America",
}  # fmt: skip

_FIRM = {"headcount": 640, "company": "Acme", "company_country": "DE"}

CASES = (
    Case(
        "hunter", "email_verifier", {"any_email": "ana@acme.example"},
        HUNTER_VERIFIER, {"email_status": "valid"},
        "GET /v2/email-verifier?email=ana%40acme.example&api_key=s3cret ", None,
        (200, {"data": {"status": "unknown"}}), limited=403, used_up=429, miss_is_free=False,
        live={"any_email": "press@stripe.com"},
    ),
    Case(
        "hunter", "company", _DOMAIN, HUNTER_COMPANY,
        {**_FIRM, "industry": "Software", "headquarters": "Berlin, Germany",
         "technologies": ["google analytics", "hubspot"], "phone": "+4930123456"},
        "GET /v2/companies/find?domain=acme.example&api_key=s3cret ", None,
        (404, {"errors": [{"id": "not_found", "code": 404}]}), limited=403, used_up=429,
        live=_KNOWN,
    ),
    Case(
        "people_data_labs", "person", {"email": "ana@acme.example", "first_name": "Ana"},
        PDL_PERSON,
        {"linkedin_url": "https://www.linkedin.com/in/analima", "direct_dial": "+4915112345678",
         "seniority": "vp", "department": "sales", "role_confirmed_at": "2026-10-01"},
        "GET /v5/person/enrich?email=ana%40acme.example&first_name=Ana&min_likelihood=6"
        "&required=job_title_levels+OR+linkedin_url ",
        ("x-api-key", SECRET), (404, PDL_MISS), live={"email": "sean@peopledatalabs.com"},
    ),
    Case(
        "people_data_labs", "company", _DOMAIN, PDL_COMPANY,
        {**_FIRM, "industry": "computer software", "funding_stage": "series_b",
         "headquarters": "berlin, germany"},
        "GET /v5/company/enrich?website=acme.example&min_likelihood=2&required=employee_count ",
        ("x-api-key", SECRET), (404, PDL_MISS), live=_KNOWN,
    ),
    Case(
        "apollo", "person", _PERSON, APOLLO_PERSON,
        {"email_status": "valid", "linkedin_url": "https://www.linkedin.com/in/analima",
         "seniority": "vp", "department": "sales"},
        "POST /api/v1/people/match?", ("x-api-key", SECRET), (200, {"person": None}),
        miss_is_free=False, live={"email": "tim@apollo.io", "domain": "apollo.io"},
    ),
    Case(
        "apollo", "company", _DOMAIN, APOLLO_COMPANY,
        {**_FIRM, "industry": "information technology & services", "funding_stage": "series_b",
         "headquarters": "Berlin, Germany", "technologies": ["salesforce", "gmail"],
         "phone": "+4930123456"},
        "GET /api/v1/organizations/enrich?domain=acme.example ", ("x-api-key", SECRET),
        (200, {"organization": None}), miss_is_free=False, live={"domain": "apollo.io"},
    ),
    Case(
        "abstract", "email", {"any_email": "ana@acme.example"}, ABSTRACT_EMAIL,
        {"email_status": "valid"}, "GET /v1/?email=ana%40acme.example&api_key=s3cret ", None,
        (200, {**ABSTRACT_EMAIL, "deliverability": "UNKNOWN"}), used_up=422, miss_is_free=False,
        live={"any_email": "press@stripe.com"},
    ),
    Case(
        "ipinfo", "lite", {"ip": "8.8.8.8"}, IPINFO_LITE, {"country": "US"},
        "GET /lite/8.8.8.8?token=s3cret ", None,
        (404, {"status": 404, "error": {"title": "Wrong ip"}}), live={"ip": "8.8.8.8"},
    ),
)  # fmt: skip
