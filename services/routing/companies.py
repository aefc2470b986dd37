"""The accounts that sales knows: a company, the domains it uses, who owns it. Pure values.

In the code a *company* is a row of the accounts table, so that it is not taken for the account key
by which leads of one domain are serial.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from services.kernel.company_names import clean_name, name_blocks


class Level(StrEnum):
    """What makes somebody a lead's owner, the strongest first."""

    OPEN_OPPORTUNITY = "open_opportunity"
    CUSTOMER = "customer"
    NAMED = "named"
    """A named (target) account."""
    ACCOUNT = "account"
    CONTACT = "contact"
    """A colleague of the lead is theirs."""


OWNER_KINDS = (Level.OPEN_OPPORTUNITY, Level.CUSTOMER, Level.NAMED, Level.ACCOUNT)
"""An account may have an owner of each kind; who is missing is stood for by the account's."""


@dataclass(frozen=True, slots=True)
class Company:
    """One account."""

    company_id: str
    name: str
    domains: tuple[str, ...] = ()
    """Registrable, aliases included; the first is the one that it is known by."""
    country: str | None = None
    postal_code: str | None = None
    owners: Mapping[str, str] = field(default_factory=dict)
    """Kind of owner (:data:`OWNER_KINDS`) to a rep's id, e-mail or external id."""
    open_opportunity: bool = False
    customer: bool = False
    named: bool = False
    contacts: int = 0
    since: date | None = None

    @property
    def clean_name(self) -> str:
        return clean_name(self.name)

    @property
    def keys(self) -> frozenset[str]:
        """By what it is found: its domains, and its name together with a supporting field."""
        supports = supports_of(self.country, self.postal_code)
        return frozenset(domain_key(domain) for domain in self.domains) | frozenset(
            name_keys(self.clean_name, supports)
        )

    def levels(self) -> list[tuple[Level, str | None]]:
        """The levels that the account reaches, with the owner named for each."""
        own = self.owners.get(Level.ACCOUNT.value)
        reached = {
            Level.OPEN_OPPORTUNITY: self.open_opportunity,
            Level.CUSTOMER: self.customer,
            Level.NAMED: self.named,
            Level.ACCOUNT: True,
        }
        return [
            (level, self.owners.get(level.value) or own)
            for level, is_so in reached.items()
            if is_so
        ]

    def described(self) -> dict[str, Any]:
        """What a decision record keeps of it: all that the choice hung on."""
        return {
            "id": self.company_id,
            "name": self.name,
            "domains": list(self.domains),
            "country": self.country,
            "postal_code": self.postal_code,
            "owners": dict(self.owners),
            "open_opportunity": self.open_opportunity,
            "customer": self.customer,
            "named": self.named,
            "contacts": self.contacts,
            "since": self.since.isoformat() if self.since is not None else None,
        }

    @classmethod
    def recorded(cls, said: Mapping[str, Any]) -> Company:
        """As a decision record keeps it."""
        since = said.get("since")
        return cls(
            company_id=said["id"],
            name=said["name"],
            domains=tuple(said["domains"]),
            country=said["country"],
            postal_code=said["postal_code"],
            owners=said["owners"],
            open_opportunity=said["open_opportunity"],
            customer=said["customer"],
            named=said["named"],
            contacts=said["contacts"],
            since=date.fromisoformat(since) if since else None,
        )


def domain_key(domain: str) -> str:
    return f"d:{domain}"


def supports_of(country: str | None, postal_code: str | None) -> dict[str, str]:
    """The fields that may support a name, each as the part of a key."""
    found = {}
    if country:
        found["country"] = country.upper()
    if postal_code:
        found["postal_code"] = normal_postal(postal_code)
    return found


def name_keys(clean: str, supports: Mapping[str, str]) -> list[str]:
    """A name's blocks, each together with each supporting field."""
    return [
        f"{block}|{value}" for block in sorted(name_blocks(clean)) for value in supports.values()
    ]


def normal_postal(code: str) -> str:
    """``sw1a 1aa`` gives ``SW1A1AA``."""
    return "".join(one for one in code.upper() if one.isalnum())[:12]
