"""What a CRM says of a company, laid over what is known of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TypeVar

from schemas.account import AccountChanged
from services.kernel.identity import registrable_domain
from services.kernel.places import country_code
from services.routing.accounts_csv import MOST_DOMAINS, host_of
from services.routing.companies import Company, Level
from services.routing.matching import company_domain

T = TypeVar("T")


def merged(known: Company | None, said: AccountChanged) -> Company | None:
    """The account as it is now; None for one that has no name.

    What the CRM does not say stays; domains that are not one company's are left out, and so is a
    country that cannot be told for certain.
    """
    if known is None and not said.name:
        return None
    before = known or Company(company_id=said.account_id, name="")
    domains = before.domains if said.domains is None else tuple(_domains(said.domains))
    return replace(
        before,
        name=said.name or before.name,
        domains=domains,
        country=country_code(said.country) or before.country,
        postal_code=said.postal_code or before.postal_code,
        owners=_owners(before.owners, said.owner),
        customer=_known(said.customer, before.customer),
        open_opportunity=_known(said.open_opportunity, before.open_opportunity),
        contacts=_known(said.contacts, before.contacts),
        since=said.since or before.since,
    )


def _domains(written: Iterable[str]) -> Iterator[str]:
    found = dict.fromkeys(company_domain(registrable_domain(host_of(one))) for one in written)
    yield from [one for one in found if one is not None][:MOST_DOMAINS]


def _owners(before: Mapping[str, str], owner: str | None) -> dict[str, str]:
    kept = dict(before)
    if owner is None:
        return kept
    kept.pop(Level.ACCOUNT.value, None)
    return {**kept, Level.ACCOUNT.value: owner} if owner else kept


def _known(said: T | None, before: T) -> T:
    return before if said is None else said
