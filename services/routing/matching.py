"""Which account a lead belongs to. Pure.

First by domain; where that finds none, by a close name together with a supporting field. Filters
take candidates out, then the tie-breakers rank those that are left, in their order. A free-mail or
shared-host domain is never a company's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from rapidfuzz import fuzz

from services.kernel.identity.domains import EmailClass, email_class, is_shared_host
from services.routing.companies import Company, domain_key, name_keys, supports_of

CANDIDATES_KEPT = 10
"""Of the candidates so many are recorded, the best first."""
DOMAIN = "domain"


class Filter(StrEnum):
    """Candidates that do not count."""

    WITHOUT_OWNER = "without_owner"
    OTHER_COUNTRY = "other_country"
    """The lead's country is known, and it is not the account's."""
    NOT_CUSTOMER = "not_customer"


class TieBreaker(StrEnum):
    """What makes one of several candidates the better one."""

    OPEN_OPPORTUNITY = "open_opportunity"
    CUSTOMER = "customer"
    NAMED = "named"
    ACTIVE_OWNER = "active_owner"
    SAME_COUNTRY = "same_country"
    MOST_CONTACTS = "most_contacts"
    OLDEST = "oldest"


class Support(StrEnum):
    """What may support a close name."""

    COUNTRY = "country"
    POSTAL_CODE = "postal_code"


@dataclass(frozen=True, slots=True)
class MatchPolicy:
    """How the installation matches."""

    by_name: bool = True
    name_score: float = 90.0
    """0 to 100: the least similarity of two cleaned names."""
    supported_by: tuple[Support, ...] = tuple(Support)
    filters: tuple[Filter, ...] = ()
    tie_breakers: tuple[TieBreaker, ...] = tuple(TieBreaker)


@dataclass(frozen=True, slots=True)
class Probe:
    """What is known of a lead's company."""

    domain: str | None = None
    """Registrable; None for free mail, shared hosts and unknown."""
    name: str = ""
    """Cleaned."""
    country: str | None = None
    postal_code: str | None = None

    def keys(self, policy: MatchPolicy) -> list[str]:
        """By what its candidates are looked up."""
        found = [domain_key(self.domain)] if self.domain else []
        if policy.by_name and self.name:
            found += name_keys(self.name, self.supports(policy))
        return found

    def supports(self, policy: MatchPolicy) -> dict[str, str]:
        known = supports_of(self.country, self.postal_code)
        return {name: known[name] for name in policy.supported_by if name in known}


@dataclass(frozen=True, slots=True)
class Match:
    """What matching found, with everyone it looked at."""

    company: Company | None
    record: dict[str, Any]
    """For the decision: probe, candidates with scores, why the others lost."""


NO_MATCH = Match(None, {"matched": None, "candidates": []})


def matched_again(
    record: Mapping[str, Any], policy: MatchPolicy, is_active: Callable[[str], bool]
) -> Match:
    """The match of a decision record, made again from what it kept."""
    if "probe" not in record:
        return NO_MATCH
    candidates = [Company.recorded(one) for one in record["candidates"]]
    again = match(Probe(**record["probe"]), candidates, policy, is_active)
    return Match(again.company, {**again.record, "more": record["more"]})


def company_domain(domain: str | None) -> str | None:
    """The domain, where only one company can stand behind it."""
    if not domain or is_shared_host(domain) or email_class(domain) is not EmailClass.BUSINESS:
        return None
    return domain


def match(
    probe: Probe,
    candidates: Collection[Company],
    policy: MatchPolicy,
    is_active: Callable[[str], bool],
) -> Match:
    """Choose among the companies that share a key with the probe.

    :param is_active: whether somebody named as an owner takes leads at all.
    """
    found = _scored(probe, candidates, policy)
    kept: list[tuple[float, Company]] = []
    lost: list[tuple[float, Company, str]] = []
    for score, company in found:
        fault = next((one.value for one in policy.filters if _filtered(one, probe, company)), None)
        if fault is None:
            kept.append((score, company))
        else:
            lost.append((score, company, f"filter {fault}"))
    ranked = sorted(kept, key=lambda one: _rank(one[0], one[1], probe, policy, is_active))
    beaten = [
        (s, one, _why(ranked[0], (s, one), probe, policy, is_active)) for s, one in ranked[1:]
    ]
    best = ranked[0][1] if ranked else None
    won = [(ranked[0][0], ranked[0][1], None)] if ranked else []
    return Match(best, _record(probe, best, [*won, *beaten, *lost]))


def _scored(
    probe: Probe, candidates: Collection[Company], policy: MatchPolicy
) -> list[tuple[float, Company]]:
    same = [one for one in candidates if probe.domain is not None and probe.domain in one.domains]
    if same:
        return [(100.0, one) for one in same]
    if not (policy.by_name and probe.name):
        return []
    supports = probe.supports(policy)
    scored = [
        (round(fuzz.token_sort_ratio(probe.name, one.clean_name), 1), one)
        for one in candidates
        if supports.items() & supports_of(one.country, one.postal_code).items()
    ]
    return [(score, one) for score, one in scored if score >= policy.name_score]


def _filtered(filter_: Filter, probe: Probe, company: Company) -> bool:
    match filter_:
        case Filter.WITHOUT_OWNER:
            return not company.owners
        case Filter.OTHER_COUNTRY:
            known = probe.country and company.country
            return bool(known) and probe.country != company.country
        case Filter.NOT_CUSTOMER:
            return not company.customer


def _rank(
    score: float,
    company: Company,
    probe: Probe,
    policy: MatchPolicy,
    is_active: Callable[[str], bool],
) -> tuple[Any, ...]:
    """Less is better: similarity, then each tie-breaker, then the id so that it is one order."""
    ties = (_tie(one, company, probe, is_active) for one in policy.tie_breakers)
    return (-score, *ties, company.company_id)


def _tie(
    breaker: TieBreaker, company: Company, probe: Probe, is_active: Callable[[str], bool]
) -> int:
    match breaker:
        case TieBreaker.OPEN_OPPORTUNITY:
            return -company.open_opportunity
        case TieBreaker.CUSTOMER:
            return -company.customer
        case TieBreaker.NAMED:
            return -company.named
        case TieBreaker.ACTIVE_OWNER:
            return -any(is_active(owner) for owner in company.owners.values())
        case TieBreaker.SAME_COUNTRY:
            return -(probe.country is not None and probe.country == company.country)
        case TieBreaker.MOST_CONTACTS:
            return -company.contacts
        case TieBreaker.OLDEST:
            return (company.since or date.max).toordinal()


def _why(
    best: tuple[float, Company],
    other: tuple[float, Company],
    probe: Probe,
    policy: MatchPolicy,
    is_active: Callable[[str], bool],
) -> str:
    names = ("score", *(one.value for one in policy.tie_breakers), "id")
    mine = _rank(*best, probe, policy, is_active)
    theirs = _rank(*other, probe, policy, is_active)
    decided = next(at for at, (a, b) in enumerate(zip(mine, theirs, strict=True)) if a != b)
    return f"tie-breaker {names[decided]}"


def _record(
    probe: Probe, best: Company | None, found: Sequence[tuple[float, Company, str | None]]
) -> dict[str, Any]:
    return {
        "probe": {
            "domain": probe.domain,
            "name": probe.name,
            "country": probe.country,
            "postal_code": probe.postal_code,
        },
        "matched": best.company_id if best is not None else None,
        "by": _by(probe, best),
        "candidates": [
            {**company.described(), "score": score, "lost": why}
            for score, company, why in found[:CANDIDATES_KEPT]
        ],
        "more": max(0, len(found) - CANDIDATES_KEPT),
    }


def _by(probe: Probe, best: Company | None) -> str | None:
    if best is None:
        return None
    return DOMAIN if probe.domain in best.domains else "name"
