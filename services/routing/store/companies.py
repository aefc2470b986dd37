"""The accounts table: looked up by key, written by imports and by what sales does."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from pydantic import TypeAdapter
from pydantic_core import to_json

from services.routing.companies import Company
from services.runtime.database import Connection

_MOST_PER_KEY = 200

_COLUMNS = """
c.company_id, c.name, c.domains, c.country, c.postal_code, c.owners, c.open_opportunity,
c.customer, c.named, c.contacts, c.since
"""
_CANDIDATES = f"""
select coalesce(json_agg(found)::text, '[]') from (
    select q.key, {_COLUMNS}
    from unnest($1::text[]) as q (key)
    cross join lateral (
        select company_id from routing.company_keys k where k.key = q.key
        order by company_id limit {_MOST_PER_KEY}
    ) k
    join routing.companies c using (company_id)
) found
"""
_LOCKED_CANDIDATES = f"select handraise.locked_config_version(), ({_CANDIDATES})"
_BY_ID = f"""
select coalesce(json_agg(found)::text, '[]') from (
    select c.company_id as key, {_COLUMNS}
    from routing.companies c where c.company_id = any($1::text[])
) found
"""
_SAVE = """
insert into routing.companies as c (company_id, name, domains, country, postal_code, owners,
    open_opportunity, customer, named, contacts, since)
select company_id, name, domains, country, postal_code, owners, open_opportunity, customer, named,
    contacts, since
from json_populate_recordset(null::routing.companies, ($1::text)::json)
on conflict (company_id) do update set
    name = excluded.name, domains = excluded.domains, country = excluded.country,
    postal_code = excluded.postal_code, owners = excluded.owners,
    open_opportunity = excluded.open_opportunity, customer = excluded.customer,
    named = excluded.named, contacts = excluded.contacts, since = excluded.since,
    updated_at = now()
"""
_FORGET_KEYS = "delete from routing.company_keys where company_id = any($1::text[])"
_SAVE_KEYS = """
insert into routing.company_keys (key, company_id)
select * from unnest($1::text[], $2::text[]) on conflict do nothing
"""
_REMOVE = "delete from routing.companies where company_id = any($1::text[]) returning company_id"


@dataclass(frozen=True, slots=True)
class _Row:
    key: str
    company_id: str
    name: str
    domains: tuple[str, ...]
    country: str | None
    postal_code: str | None
    owners: dict[str, str]
    open_opportunity: bool
    customer: bool
    named: bool
    contacts: int
    since: date | None

    @property
    def company(self) -> Company:
        return Company(
            company_id=self.company_id,
            name=self.name,
            domains=self.domains,
            country=self.country,
            postal_code=self.postal_code,
            owners=self.owners,
            open_opportunity=self.open_opportunity,
            customer=self.customer,
            named=self.named,
            contacts=self.contacts,
            since=self.since,
        )


_ROWS = TypeAdapter(list[_Row])


async def candidates(connection: Connection, keys: Iterable[str]) -> dict[str, list[Company]]:
    """The companies behind each key; at most 200 of one, by id. One round trip."""
    return _by_key(await connection.fetchval(_CANDIDATES, sorted(set(keys))))


async def locked_candidates(
    connection: Connection, keys: Iterable[str]
) -> tuple[str | None, dict[str, list[Company]]]:
    """As :func:`candidates`, with the active version of the configuration.

    Until the transaction ends no other version becomes active.
    """
    row = await connection.fetchrow(_LOCKED_CANDIDATES, sorted(set(keys)))
    assert row is not None
    return row[0], _by_key(row[1])


def _by_key(told: str) -> dict[str, list[Company]]:
    rows = _ROWS.validate_json(told)
    known: dict[str, Company] = {}
    found: dict[str, list[Company]] = {}
    for row in rows:
        company = known.setdefault(row.company_id, row.company)
        found.setdefault(row.key, []).append(company)
    return found


async def by_id(connection: Connection, ids: Collection[str]) -> dict[str, Company]:
    """Companies by their ids; the unknown are left out."""
    rows = _ROWS.validate_json(await connection.fetchval(_BY_ID, list(ids)))
    return {row.company_id: row.company for row in rows}


async def save(connection: Connection, companies: Sequence[Company]) -> None:
    """Write companies as they are now, and by what they are found. Within a transaction."""
    if not companies:
        return
    ids = [company.company_id for company in companies]
    await connection.execute(_SAVE, to_json([_stored(company) for company in companies]).decode())
    await connection.execute(_FORGET_KEYS, ids)
    pairs = [(key, company.company_id) for company in companies for key in sorted(company.keys)]
    await connection.execute(_SAVE_KEYS, [key for key, _ in pairs], [one for _, one in pairs])


async def remove(connection: Connection, ids: Collection[str]) -> list[str]:
    """Forget companies; gives those that were there."""
    return [row["company_id"] for row in await connection.fetch(_REMOVE, list(ids))]


def _stored(company: Company) -> Mapping[str, Any]:
    return {
        "company_id": company.company_id,
        "name": company.name,
        "domains": list(company.domains),
        "country": company.country,
        "postal_code": company.postal_code,
        "owners": dict(company.owners),
        "open_opportunity": company.open_opportunity,
        "customer": company.customer,
        "named": company.named,
        "contacts": company.contacts,
        "since": company.since,
    }
