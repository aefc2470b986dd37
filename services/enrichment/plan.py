"""What is still missing of a lead, and whom to ask next: the waterfall, per field."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from schemas.base import KindName, Lane, Provenance
from schemas.lead import Lead
from services.enrichment.config import EnrichmentConfig, Source
from services.enrichment.offline import work_domain
from services.enrichment.providers.contract import Question, Subject
from services.kernel.identity import EmailClass

HOT = frozenset({KindName.DEMO_REQUEST, KindName.CONTACT_SALES, KindName.PRICING_REQUEST})
_IP_FIELDS = ("ip", "ip_address", "client_ip", "remote_ip")


def subject(lead: Lead, facts: Mapping[str, Provenance]) -> dict[str, str]:
    """What may be said about a lead to a provider.

    Free mail never reaches a company's provider, disposable mail none at all.
    """
    domain = facts.get("registrable_domain")
    country = facts.get("country")
    group = facts.get("email_class")
    throwaway = group is not None and group.value == EmailClass.DISPOSABLE.value
    known = {
        "domain": str(domain.value) if domain else None,
        "email": lead.email if work_domain(lead.email) else None,
        "any_email": None if throwaway else lead.email,
        "company": lead.company,
        "country": str(country.value) if country else None,
        "first_name": lead.first_name,
        "last_name": lead.last_name,
        "ip": _public_ip(lead.fields),
    }
    return {name: value for name, value in known.items() if value}


def missing(
    config: EnrichmentConfig, facts: Mapping[str, Provenance], now: datetime
) -> frozenset[str]:
    """The wanted fields that are unknown, too uncertain, or bought too long ago."""
    return frozenset(
        name for name in config.wanted if not _held(config, name, facts.get(name), now)
    )


def awaited(config: EnrichmentConfig, absent: Iterable[str]) -> frozenset[str]:
    """Those of the missing fields that a lead waits for."""
    return frozenset(name for name in absent if config.wanted[name].wait)


def questions(
    config: EnrichmentConfig, wanted: frozenset[str], about: Subject, asked: frozenset[str]
) -> list[Question]:
    """The next question for each missing field: its first source that was not asked yet.

    Empty when nobody is left who could know. An endpoint that serves several fields is asked once.

    :param asked: places (``provider/endpoint``) that were.
    """
    chosen: dict[str, Question] = {}
    for name in sorted(wanted):
        for source in config.wanted[name].sources if name in config.wanted else ():
            if source.place in asked:
                continue
            said = source.endpoint.about(about)
            if said is None:
                continue
            age = _max_age(config, name, source)
            before = chosen.get(source.place)
            if before is not None:
                age = min(age, before.max_age)
            chosen[source.place] = Question(
                source.provider, source.endpoint.name, said, source.wanted, age
            )
            break
    return list(chosen.values())


def unaskable(
    config: EnrichmentConfig, wanted: frozenset[str], about: Subject
) -> frozenset[tuple[str, str]]:
    """Providers and endpoints that could give a missing field, were more known of the lead."""
    return frozenset(
        (source.provider, source.endpoint.name)
        for name in wanted
        for source in config.wanted[name].sources
        if source.endpoint.about(about) is None
    )


def urgency_of(lane: Lane, kind: KindName) -> int:
    """Who goes first where several wait for one provider; the lower."""
    if lane is Lane.BULK:
        return 2
    return 0 if kind in HOT else 1


def _max_age(config: EnrichmentConfig, name: str, source: Source) -> timedelta:
    return config.fresh_for(name, f"provider:{source.provider}")


def _held(config: EnrichmentConfig, name: str, fact: Provenance | None, now: datetime) -> bool:
    if fact is None:
        return False
    if fact.source == "form":
        return True
    if fact.confidence < config.wanted[name].min_confidence:
        return False
    return not fact.source.startswith("provider:") or now - fact.at < config.fresh_for(
        name, fact.source
    )


def _public_ip(answers: Mapping[str, str]) -> str | None:
    for name in _IP_FIELDS:
        try:
            address = ipaddress.ip_address(answers.get(name, "").strip())
        except ValueError:
            continue
        if address.is_global:
            return str(address)
    return None
