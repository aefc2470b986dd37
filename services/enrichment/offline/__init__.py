"""What can be known about a lead for nothing: pure derivations, microseconds each."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache

from schemas.base import Provenance
from schemas.lead import Lead
from services.enrichment.offline import headcount, languages, stated
from services.enrichment.offline.phones import Number, read
from services.enrichment.offline.places import Place, country, time_zone
from services.enrichment.offline.titles import classify
from services.kernel.company_names import spoken_name
from services.kernel.identity import (
    EmailClass,
    email_class,
    is_role_address,
    registrable_domain,
)

_CERTAIN = 1.0
_READ_FROM_TITLE = 0.9
_NAMED_BY_SOMEBODY = 0.8

Facts = dict[str, Provenance]


def derive(lead: Lead, at: datetime) -> Facts:
    """Every fact that the lead's own fields give, by field name.

    Absent where nothing can be said. ``registrable_domain`` is given for business addresses only:
    what a free-mail provider registered says nothing about the person.
    """
    facts: Facts = {}
    domain = _domain(lead, at, facts)
    number = read(lead.phone) if lead.phone else None
    _phone(number, at, facts)
    _place(lead, domain, number, at, facts)
    _title(lead, at, facts)
    if lead.company:
        facts["company"] = Provenance(value=spoken_name(lead.company), source="form", at=at)
    if lead.fields:
        for name, value in stated.facts(lead.fields):
            facts[name] = Provenance(
                value=value, source="form", at=at, confidence=_NAMED_BY_SOMEBODY
            )
    size = headcount.stated(lead.fields)
    if size is not None:
        facts["headcount"] = _fact(size.people, "form", at, size.confidence)
    return facts


def with_clock(facts: Mapping[str, Provenance], at: datetime) -> dict[str, Provenance]:
    """Facts with the time zone of a country that was bought, where no better clock is known."""
    known = dict(facts)
    country_fact = known.get("country")
    if country_fact is not None and "time_zone" not in known:
        where = Place(str(country_fact.value), country_fact.source, country_fact.confidence)
        zone = time_zone(where, None)
        if zone is not None:
            known["time_zone"] = _fact(zone.value, zone.evidence, at, zone.confidence)
    return known


def work_domain(email: str | None) -> str | None:
    """The registrable domain of a business address; None for all others."""
    host = (email or "").rpartition("@")[2]
    return registrable_domain(host) if host and email_class(host) is EmailClass.BUSINESS else None


def company_domain(lead: Lead) -> str | None:
    """The registrable domain of the lead's company: of a business address, else what a form, a list
    or a signal named (``company_domain``, ``website`` …)."""
    return work_domain(lead.email) or (stated.domain(lead.fields) if lead.fields else None)


def _domain(lead: Lead, at: datetime, facts: Facts) -> str | None:
    """The company's domain, where it is known."""
    domain = _email(lead, at, facts)
    if domain is None and lead.fields and (domain := company_domain(lead)):
        facts["registrable_domain"] = _fact(
            domain, "derived:company_domain", at, _NAMED_BY_SOMEBODY
        )
    return domain


def _email(lead: Lead, at: datetime, facts: Facts) -> str | None:
    if not lead.email:
        return None
    local, _, host = lead.email.rpartition("@")
    group = email_class(host)
    facts["email_class"] = _fact(group.value, "derived:email_class", at)
    facts["email_role"] = _fact(is_role_address(local), "derived:email_role", at)
    domain = registrable_domain(host) if group is EmailClass.BUSINESS else None
    if domain:
        facts["registrable_domain"] = _fact(domain, "derived:registrable_domain", at)
    return domain


def _phone(number: Number | None, at: datetime, facts: Facts) -> None:
    if number is None:
        return
    facts["phone_type"] = _fact(number.kind.value, "derived:phone", at)
    if number.country:
        facts["phone_country"] = _fact(number.country, "derived:phone", at)


def _place(
    lead: Lead, domain: str | None, number: Number | None, at: datetime, facts: Facts
) -> None:
    spoken = languages.country(lead.fields) if lead.fields else None
    where = country(lead.country, number.country if number else None, domain, spoken)
    if where is None:
        return
    facts["country"] = _fact(where.value, where.evidence, at, where.confidence)
    zone = time_zone(where, number)
    if zone is not None:
        facts["time_zone"] = _fact(zone.value, zone.evidence, at, zone.confidence)


def _title(lead: Lead, at: datetime, facts: Facts) -> None:
    if not lead.job_title:
        return
    title = classify(lead.job_title)
    if title.seniority is not None:
        facts["seniority"] = _fact(title.seniority.value, "derived:job_title", at, _READ_FROM_TITLE)
    if title.department is not None:
        facts["department"] = _fact(
            title.department.value, "derived:job_title", at, _READ_FROM_TITLE
        )


# Leads of one batch share the moment and most of these values. Typed: True is not 1.
@lru_cache(maxsize=4096, typed=True)
def _fact(
    value: str | bool | int, source: str, at: datetime, confidence: float = _CERTAIN
) -> Provenance:
    return Provenance(value=value, source=source, at=at, confidence=confidence)
