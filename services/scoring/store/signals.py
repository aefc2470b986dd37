"""Signals about accounts, and the leads that were made of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from services.runtime.database import Connection
from services.scoring.happened import Seen


@dataclass(frozen=True, slots=True)
class Told:
    """A signal as it came in."""

    seen: Seen
    event_id: UUID
    account_key: str


_ACCOUNTS = """
select count(pg_advisory_xact_lock(hashtextextended(account, 0)))
from (select distinct account from unnest($1::text[]) as given(account) order by 1) as sorted
"""

_KEEP = """
insert into scoring.signals (signal_id, event_id, account_key, signal, provider, strength, at,
                             received_at, detail, url)
select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[],
    $6::double precision[], $7::timestamptz[], $8::timestamptz[], $9::text[], $10::text[])
order by 1
on conflict (signal_id) do nothing
returning signal_id
"""

_LEAD = """
insert into scoring.account_leads (account_key, lead_id, signal_id)
select account, lead, signal
from unnest($1::text[], $2::uuid[], $3::uuid[]) as n(account, lead, signal)
where not exists (select 1 from scoring.leads l where l.account_key = n.account)
order by 1
on conflict (account_key) do nothing
returning account_key
"""


async def lock_accounts(conn: Connection, accounts: Iterable[str]) -> None:
    """Wait for whoever scores a lead of these accounts, and keep others from beginning to."""
    await conn.execute(_ACCOUNTS, sorted(set(accounts)))


async def keep(conn: Connection, told: Sequence[Told]) -> set[UUID]:
    """Store signals; the ids of those that were not there already."""
    rows = list({one.seen.event: one for one in told}.values())
    found = await conn.fetch(
        _KEEP,
        [one.seen.event for one in rows],
        [one.event_id for one in rows],
        [one.account_key for one in rows],
        [one.seen.signal.value for one in rows],
        [one.seen.provider for one in rows],
        [one.seen.strength for one in rows],
        [one.seen.at for one in rows],
        [one.seen.received_at for one in rows],
        [one.seen.detail for one in rows],
        [one.seen.url for one in rows],
    )
    return {row["signal_id"] for row in found}


async def make_leads(conn: Connection, wanted: Mapping[str, tuple[UUID, UUID]]) -> set[str]:
    """The accounts of which a lead is to be made now: nobody is known there, none was made before.

    :param wanted: account key to the lead's id and the signal's.
    """
    accounts = sorted(wanted)
    leads, signals = [wanted[a][0] for a in accounts], [wanted[a][1] for a in accounts]
    return {row["account_key"] for row in await conn.fetch(_LEAD, accounts, leads, signals)}
