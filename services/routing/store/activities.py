"""Whom activities are about, and those that wait for their lead."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from schemas.activity import ActivityName, ActivityRecorded
from services.kernel.hints import Hint, HintKind, account_of
from services.runtime.database import Connection

_MOST_OF_AN_ACCOUNT = 200
_EVER = datetime(1970, 1, 1, tzinfo=UTC)

# Whoever was merged is found as the lead that stands for them.
_BY_LEAD = """
select l.lead_id::text as value, s.lead_id, s.account_key
from routing.leads l join routing.leads s on s.lead_id = coalesce(l.merged_into, l.lead_id)
where l.lead_id = any($1::uuid[])
"""
_BY_ATTEMPT = """
select a.assignment_id::text as value, s.lead_id, s.account_key
from routing.attempts a join routing.leads l using (lead_id)
join routing.leads s on s.lead_id = coalesce(l.merged_into, l.lead_id)
where a.assignment_id = any($1::uuid[])
"""
_BY_ACCOUNT = f"""
select k.key as value, a.lead_id, k.key as account_key
from unnest($1::text[]) as k (key)
cross join lateral (
    select distinct lead_id from routing.attempts a
    where a.account_key = k.key and status in ('assigned', 'reassigned', 'accepted', 'escalated')
    limit {_MOST_OF_AN_ACCOUNT}
) a
"""
_KEEP = """
insert into routing.unmatched (activity_id, event, headers, received_at, kept_until)
select *, $4::timestamptz from unnest($1::uuid[], $2::text[], $5::jsonb[], $3::timestamptz[])
on conflict do nothing
"""
_WAITING = """
select activity_id, event, kept_until, received_at from routing.unmatched
where (kept_until, received_at, activity_id) > ($1, $2, $3)
order by kept_until, received_at, activity_id limit $4 for update skip locked
"""
_FORGET = "delete from routing.unmatched where activity_id = any($1::uuid[])"
_TELL = """
update routing.companies c set
    open_opportunity = t.open_opportunity,
    customer = c.customer or t.customer,
    owners = case when t.owner is null then c.owners
             else c.owners || jsonb_build_object('open_opportunity', t.owner) end,
    updated_at = now()
from (
    select distinct on (k.company_id) k.company_id, d.open_opportunity, d.customer, d.owner
    from unnest($1::text[], $2::bool[], $3::bool[], $4::text[])
        with ordinality as d (domain, open_opportunity, customer, owner, nth)
    join routing.company_keys k on k.key = 'd:' || d.domain
    order by k.company_id, d.nth desc
) t
where c.company_id = t.company_id
"""


@dataclass(frozen=True, slots=True)
class Known:
    """A lead that an activity is about."""

    lead_id: UUID
    account_key: str


@dataclass(frozen=True, slots=True)
class Unmatched:
    """An activity that is about nobody we know yet."""

    activity_id: UUID
    event: ActivityRecorded


async def resolve(connection: Connection, hints: Collection[Hint]) -> dict[Hint, list[Known]]:
    """The leads behind each hint, as far as routing knows them."""
    by_kind: dict[HintKind, list[str]] = {}
    for hint in hints:
        by_kind.setdefault(hint.kind, []).append(hint.value)
    queries: list[tuple[str, tuple[HintKind, ...]]] = [
        (_BY_LEAD, (HintKind.LEAD, HintKind.PERSON)),
        (_BY_ATTEMPT, (HintKind.ASSIGNMENT,)),
        (_BY_ACCOUNT, (HintKind.ACCOUNT,)),
    ]
    found: dict[Hint, list[Known]] = {}
    for query, kinds in queries:
        values = sorted({value for kind in kinds for value in by_kind.get(kind, ())})
        if not values:
            continue
        for row in await connection.fetch(query, values):
            known = Known(row["lead_id"], row["account_key"])
            for kind in kinds:
                hint = Hint(kind, row["value"])
                if hint in hints:
                    found.setdefault(hint, []).append(known)
    return found


async def keep(connection: Connection, unmatched: Sequence[Unmatched], until: datetime) -> None:
    """Keep what is about nobody we know, to be tried again until then."""
    if not unmatched:
        return
    await connection.execute(
        _KEEP,
        [one.activity_id for one in unmatched],
        [one.event.encode().decode() for one in unmatched],
        [one.event.received_at for one in unmatched],
        until,
        ["{}" for _ in unmatched],
    )


Place = tuple[datetime, datetime, UUID]
"""Of an activity among those that wait: until when, since when, its id."""


def first_place(now: datetime) -> Place:
    """Before whatever still waits."""
    return now, _EVER, UUID(int=0)


async def waiting(
    connection: Connection, after: Place, limit: int
) -> tuple[list[Unmatched], Place | None]:
    """What waits for its lead, the oldest first, locked; and the place of the last one.

    :returns: None for the place where nothing follows.
    """
    rows = await connection.fetch(_WAITING, *after, limit)
    found = [Unmatched(row["activity_id"], ActivityRecorded.read(row["event"])) for row in rows]
    if len(rows) < limit:
        return found, None
    last = rows[-1]
    return found, (last["kept_until"], last["received_at"], last["activity_id"])


async def forget(connection: Connection, ids: Collection[UUID]) -> None:
    await connection.execute(_FORGET, list(ids))


async def tell_accounts(
    connection: Connection,
    events: Iterable[ActivityRecorded],
    found: Mapping[UUID, Sequence[Known]],
    by_id: Mapping[UUID, ActivityRecorded],
) -> None:
    """A deal that opens, is won or lost changes the account in the accounts table."""
    told = [(account_of(event.domain), event) for event in events]
    told += [(lead.account_key, by_id[id_]) for id_, some in found.items() for lead in some]
    rows = [row for domain, event in told if domain and (row := _deal(domain, event)) is not None]
    if rows:
        domains, opens, customers, owners = map(list, zip(*rows, strict=True))
        await connection.execute(_TELL, domains, opens, customers, owners)


def _deal(domain: str, event: ActivityRecorded) -> tuple[Any, ...] | None:
    match event.activity:
        case ActivityName.OPPORTUNITY_CREATED:
            return domain, True, False, event.rep_id
        case ActivityName.WON:
            return domain, False, True, None
        case ActivityName.LOST:
            return domain, False, False, None
        case _:
            return None
