"""What is still missing of a lead, and whom to ask next: the waterfall, per field."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote

from schemas.base import Provenance
from schemas.lead import Lead
from services.enrichment.config import EnrichmentConfig, HttpProvider

Subject = Mapping[str, str]
"""What a provider can be asked about, by the names of ``config.SUBJECT``."""


@dataclass(frozen=True, slots=True)
class Question:
    """One request to one provider. Equal questions are asked once."""

    provider: str
    url: str
    fields: frozenset[str]
    """What the answer may hold."""
    domain: str | None

    @property
    def key(self) -> str:
        """The question as a hash: what was asked about a person is not kept in the clear."""
        return hashlib.sha256(self.url.encode()).hexdigest()


def subject(lead: Lead, facts: Mapping[str, Provenance]) -> dict[str, str]:
    """What may be said about a lead to a provider."""
    domain = facts.get("registrable_domain")
    country = facts.get("country")
    known = {
        "domain": str(domain.value) if domain else None,
        "email": lead.email if domain else None,
        "company": lead.company,
        "country": str(country.value) if country else None,
        "first_name": lead.first_name,
        "last_name": lead.last_name,
    }
    return {name: value for name, value in known.items() if value}


def missing(
    config: EnrichmentConfig, facts: Mapping[str, Provenance], now: datetime
) -> frozenset[str]:
    """The wanted fields that are unknown, or bought too long ago."""
    return frozenset(name for name in config.wanted if not _fresh(config, facts.get(name), now))


def questions(
    config: EnrichmentConfig, wanted: frozenset[str], about: Subject, asked: frozenset[str]
) -> list[Question]:
    """The next question for each missing field: its first provider that was not asked yet.

    Empty when nobody is left who could know. A provider that serves several fields is asked once.
    """
    chosen: dict[str, Question] = {}
    for name in sorted(wanted):
        for provider in config.wanted.get(name, ()):
            question = _question(provider, config.providers[provider], about)
            if provider not in asked and question is not None:
                chosen[provider] = question
                break
    return list(chosen.values())


def _question(name: str, provider: HttpProvider, about: Subject) -> Question | None:
    if not provider.needs <= about.keys():
        return None
    quoted = {part: quote(about[part], safe="") for part in provider.needs}
    url = provider.url.format(**quoted) if quoted else provider.url
    return Question(name, url, frozenset(provider.answer), about.get("domain"))


def _fresh(config: EnrichmentConfig, fact: Provenance | None, now: datetime) -> bool:
    if fact is None:
        return False
    seller = config.providers.get(fact.source.removeprefix("provider:"))
    if not fact.source.startswith("provider:") or seller is None:
        return True
    return now - fact.at < timedelta(days=seller.keep_days)
