"""Finding the account of each lead of a transaction: look its keys up, then match."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from schemas.score import LeadScored
from services.kernel.company_names import clean_name
from services.routing.companies import Company
from services.routing.fields import place_of
from services.routing.matching import Match, Probe, company_domain, match
from services.routing.plan import Plan
from services.routing.store import companies
from services.runtime.database import Connection


async def accounts_of(
    connection: Connection, plan: Plan, events: Mapping[UUID, LeadScored]
) -> dict[UUID, Match]:
    """The match of every lead; one round trip for all of them."""
    probes = {lead: probe_of(event) for lead, event in events.items()}
    keys = {lead: probe.keys(plan.matching) for lead, probe in probes.items()}
    wanted = {key for some in keys.values() for key in some}
    found = await companies.candidates(connection, wanted) if wanted else {}
    return {
        lead: _matched(plan, probes[lead], {
            one.company_id: one for key in keys[lead] for one in found.get(key, ())
        })
        for lead in events
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
