"""The accounts table as operators use it: import a file, look an account up, try a match."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from services.kernel.company_names import clean_name
from services.kernel.identity import registrable_domain
from services.routing.accounts_csv import LineFault, Parsed, parse
from services.routing.companies import Company, domain_key
from services.routing.matching import Probe, company_domain, match
from services.routing.plan import Plan
from services.routing.store import companies as store
from services.runtime.configstore import LiveConfig


@dataclass(frozen=True, slots=True)
class Report:
    """What an import did, or would do."""

    created: int
    updated: int
    unchanged: int
    dry_run: bool
    faults: tuple[LineFault, ...]
    """Lines that were left out."""
    notes: tuple[LineFault, ...]
    """Values that were left out, and owners whom nobody knows."""


class Accounts:
    """Reads and writes the table."""

    def __init__(self, pool: asyncpg.Pool, config: LiveConfig[Plan]) -> None:
        self._pool = pool
        self._config = config

    async def bring_in(self, text: str, *, first_line: int = 1, dry_run: bool = False) -> Report:
        """Import lines of CSV: a line is the whole truth about its account.

        All good lines are stored in one transaction; accounts that the file does not name stay.

        :raises HeaderFault: the columns are not known.
        """
        plan = self._config.current.value
        parsed = parse(text, lambda name: plan.person(name) is not None, first_line)
        async with self._pool.acquire() as connection, connection.transaction():
            known = await store.by_id(connection, [one.company_id for one in parsed.companies])
            changed = [one for one in parsed.companies if known.get(one.company_id) != one]
            if not dry_run:
                await store.save(connection, changed)
        return _report(parsed, changed, known, dry_run)

    async def find(self, named: str) -> list[Company]:
        """The account of an id, else those of a domain."""
        async with self._pool.acquire() as connection:
            found = await store.by_id(connection, [named])
            if found:
                return list(found.values())
            key = domain_key(registrable_domain(named) or named)
            return (await store.candidates(connection, [key])).get(key, [])

    async def remove(self, ids: Sequence[str]) -> list[str]:
        """Forget accounts; gives those that were there."""
        async with self._pool.acquire() as connection:
            return await store.remove(connection, ids)

    async def try_match(
        self, domain: str | None, name: str | None, country: str | None, postal_code: str | None
    ) -> dict[str, Any]:
        """Which account a lead would belong to, with every candidate and why it lost."""
        plan = self._config.current.value
        probe = Probe(
            domain=company_domain(registrable_domain(domain)),
            name=clean_name(name or ""),
            country=country.upper() if country else None,
            postal_code=postal_code,
        )
        async with self._pool.acquire() as connection:
            found = await store.candidates(connection, probe.keys(plan.matching))
        candidates = {one.company_id: one for some in found.values() for one in some}
        chosen = match(probe, candidates.values(), plan.matching, plan.takes_leads)
        return chosen.record


def _report(
    parsed: Parsed, changed: Collection[Company], known: Collection[str], dry_run: bool
) -> Report:
    created = sum(one.company_id not in known for one in changed)
    return Report(
        created=created,
        updated=len(changed) - created,
        unchanged=len(parsed.companies) - len(changed),
        dry_run=dry_run,
        faults=parsed.faults,
        notes=parsed.notes,
    )
