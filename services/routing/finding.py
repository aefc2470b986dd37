"""Finding the account of each lead of a transaction: look its keys up, then match."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from schemas.score import LeadScored
from services.kernel.company_names import clean_name
from services.routing.companies import Company
from services.routing.fields import place_of
from services.routing.matching import Match, Probe, company_domain, match
from services.routing.plan import Plan
from services.routing.store import companies
from services.runtime.configstore import LiveConfig, Versioned
from services.runtime.database import Connection


async def accounts_of(
    connection: Connection, plan: Plan, events: Mapping[UUID, LeadScored]
) -> dict[UUID, Match]:
    """The match of every lead; one round trip for all of them."""
    sought = _Sought.of(plan, events)
    keys = sought.every_key
    return sought.matched(await companies.candidates(connection, keys) if keys else {})


async def locked_accounts_of(
    connection: Connection, config: LiveConfig[Plan], events: Mapping[UUID, LeadScored]
) -> tuple[Versioned[Plan], dict[UUID, Match]]:
    """The version to decide with, as :meth:`LiveConfig.locked`, and the match of every lead.

    One round trip for both, unless another version became active just now.
    """
    known = config.current
    sought = _Sought.of(known.value, events)
    version, found = await companies.locked_candidates(connection, sought.every_key)
    active = await config.adopted(connection, version)
    if active is not known:
        return active, await accounts_of(connection, active.value, events)
    return active, sought.matched(found)


@dataclass(frozen=True, slots=True)
class _Sought:
    """What is known of the leads' companies, and the keys to look them up by."""

    plan: Plan
    probes: Mapping[UUID, Probe]
    keys: Mapping[UUID, Sequence[str]]

    @classmethod
    def of(cls, plan: Plan, events: Mapping[UUID, LeadScored]) -> _Sought:
        probes = {lead: probe_of(event) for lead, event in events.items()}
        return cls(plan, probes, {lead: p.keys(plan.matching) for lead, p in probes.items()})

    @property
    def every_key(self) -> set[str]:
        return {key for some in self.keys.values() for key in some}

    def matched(self, found: Mapping[str, Sequence[Company]]) -> dict[UUID, Match]:
        return {
            lead: _matched(self.plan, probe, {
                one.company_id: one for key in self.keys[lead] for one in found.get(key, ())
            })
            for lead, probe in self.probes.items()
        }  # fmt: skip


def probe_of(event: LeadScored) -> Probe:
    """What a lead says of its company, with what enrichment knows of it."""
    facts = event.facts
    name = facts["company"].value if "company" in facts else event.lead.company
    country = next((facts[f].value for f in ("company_country", "country") if f in facts), None)
    # The account key is the registrable domain of a business address, else the lead's own id.
    domain = event.lead.account_key if "." in event.lead.account_key else None
    _, postal = place_of(event)
    return Probe(
        domain=company_domain(domain),
        name=clean_name(name) if isinstance(name, str) else "",
        country=str(country or event.lead.country or "").upper() or None,
        postal_code=postal,
    )


def _matched(plan: Plan, probe: Probe, found: Mapping[str, Company]) -> Match:
    return match(probe, list(found.values()), plan.matching, plan.takes_leads)
