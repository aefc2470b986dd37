"""What a deciding transaction is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from uuid import UUID

from services.routing.fields import Standing
from services.routing.matching import Match


@dataclass(frozen=True, slots=True)
class Scope:
    """What a transaction is about: it is locked and loaded."""

    leads: Mapping[UUID, int]
    """With the score revision at hand: the stored score is loaded where it is not older."""
    accounts: frozenset[str]
    pools: frozenset[str]
    returned: frozenset[str] = frozenset()
    """Reps whose returned turns matter."""
    counted: frozenset[str] = frozenset()
    """Reps whose leads are counted besides those whom the configuration bounds."""
    matches: Mapping[UUID, Match] = field(default_factory=dict)
    """The accounts of these leads, as far as they are known."""
    standing: Mapping[UUID, Standing] = field(default_factory=dict)
    """What rules may ask of these leads, as far as it was worked out."""

    def with_pools(self, pools: frozenset[str]) -> Scope:
        return replace(self, pools=self.pools | pools)

    def with_leads(self, accounts: Mapping[UUID, str]) -> Scope:
        """Other leads, each with its account key; their stored scores are loaded."""
        leads = {**self.leads, **dict.fromkeys(accounts, 0)}
        return replace(self, leads=leads, accounts=self.accounts.union(accounts.values()))

    def counting(self, reps: frozenset[str]) -> Scope:
        return replace(self, counted=self.counted | reps)

    def with_matches(self, matches: Mapping[UUID, Match]) -> Scope:
        """Also the domains of these leads' accounts, under which they may have colleagues."""
        domains = {
            domain
            for found in matches.values()
            if found.company is not None
            for domain in found.company.domains
        }
        known = {**self.matches, **matches}
        return replace(self, matches=known, accounts=self.accounts | domains)
