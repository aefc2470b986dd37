"""Activities, signals, and the names by which whoever is meant is found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from schemas.activity import ActivityName, Actor
from schemas.qualification import Answers
from schemas.signal import SignalName
from services.runtime.database import Connection
from services.scoring.happened import Around, Happened, Seen
from services.scoring.names import Meant, Name, Visitor

MOST_ACTIVITIES = 500
MOST_SIGNALS = 100
"""Of one lead, the newest; a score looks no further back."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An activity as it is kept."""

    happened: Happened
    event_id: UUID
    meant: Meant
    waits: timedelta
    """How long it waits for somebody unknown."""


# A mailbox keeps its lead; a phone that a second lead gives names nobody from then on.
REGISTER = """
visitors as (
    insert into scoring.visitors (visitor_id, lead_id, at)
    select * from unnest($4::text[], $5::uuid[], $6::timestamptz[]) order by 1
    on conflict (visitor_id) do update set lead_id = excluded.lead_id, at = excluded.at
    where scoring.visitors.at <= excluded.at
), names as (
    insert into scoring.identities as i (token, lead_id)
    select token, lead_id from unnest($1::uuid[], $2::uuid[]) as n(token, lead_id) order by token
    on conflict (token) do update set lead_id = null
    where i.lead_id is distinct from excluded.lead_id and not i.token = any($3::uuid[])
), given as (
    update scoring.activities a set lead_id = m.lead_id
    from (
        select activity_id, n.lead_id from unnest($1::uuid[], $2::uuid[]) as n(token, lead_id)
        join scoring.activities w on w.waits_for = n.token
        where w.lead_id is null and w.waits_until > now()
        union
        select activity_id, n.lead_id from unnest($7::text[], $8::uuid[]) as n(visitor, lead_id)
        join scoring.activities w on w.visitor_id = n.visitor
        where w.lead_id is null and w.waits_until > now()
    ) m
    where a.activity_id = m.activity_id and a.lead_id is null
    returning a.lead_id
)
"""
"""As it stands behind ``with``; its arguments are :func:`learnt`. Who got something: ``given``."""

_MISSED = """
update scoring.activities a set lead_id = i.lead_id
from scoring.identities i
where a.lead_id is null and a.account_key is null and a.waits_for = i.token
  and i.lead_id is not null and a.waits_until > now()
  and a.waits_until > now() + $1::interval - $2::interval
returning a.lead_id
"""

_AROUND = """
select null as account, lead_id, activity_id as event, activity as name, actor, at, received_at,
       source, page_kind, page_url, detail, amount, reason, answers::text as answers,
       null::double precision as strength, null as url
from unnest($1::uuid[]) as wanted(lead)
cross join lateral (
    select * from scoring.activities where lead_id = lead order by at desc, activity_id limit $3
) own
union all
select account, null, activity_id, activity, actor, at, received_at,
       source, page_kind, page_url, detail, amount, reason, answers::text, null, null
from unnest($2::text[]) as wanted(account)
cross join lateral (
    select * from scoring.activities where account_key = account
    order by at desc, activity_id limit $3
) shared
union all
select account, null, signal_id, signal, null, at, received_at, provider, null, null, detail, null,
       null, null, strength, url
from unnest($2::text[]) as wanted(account)
cross join lateral (
    select * from scoring.signals where account_key = account order by at desc, signal_id limit $4
) seen
"""

_KEEP = """
insert into scoring.activities (activity_id, event_id, activity, actor, at, received_at, source,
    page_kind, page_url, detail, amount, lead_id, account_key, waits_for, visitor_id, waits_until,
    reason, answers)
select activity_id, event_id, activity, actor, at, received_at, source, page_kind, page_url, detail,
       amount, lead_id, account_key, waits_for, visitor_id, now() + waits, reason, answers::jsonb
from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[],
    $7::text[], $8::text[], $9::text[], $10::text[], $11::double precision[], $12::uuid[],
    $13::text[], $14::uuid[], $15::text[], $16::interval[], $17::text[], $18::text[])
    as a(activity_id, event_id, activity, actor, at, received_at, source, page_kind, page_url,
         detail, amount, lead_id, account_key, waits_for, visitor_id, waits, reason, answers)
order by activity_id
on conflict (activity_id) do nothing
returning activity_id
"""


async def register(
    conn: Connection, names: Iterable[Name], visitors: Iterable[Visitor]
) -> set[UUID]:
    """Learn who is known by what, and give them what waited for them; who got something."""
    found = await conn.fetch(f"with {REGISTER} select lead_id from given", *learnt(names, visitors))
    return {row["lead_id"] for row in found}


def learnt(names: Iterable[Name], visitors: Iterable[Visitor]) -> tuple[list[Any], ...]:
    """The arguments of :data:`REGISTER`.

    :param visitors: who identified in a browser, in that order: what waited there belongs to the
        first of them, what comes later to the last.
    """
    tokens = _once(names)
    ids, seen = sorted(tokens), list(visitors)
    first = {one.visitor_id: one.lead_id for one in reversed(seen)}
    last = {one.visitor_id: one for one in seen}
    return (
        ids,
        [tokens[token].lead_id for token in ids],
        [token for token in ids if tokens[token].personal],
        list(last),
        [one.lead_id for one in last.values()],
        [one.at for one in last.values()],
        list(first),
        list(first.values()),
    )


def _once(names: Iterable[Name]) -> dict[UUID, Name]:
    """Each token once: a mailbox stays its first lead's, what two people share is nobody's."""
    found: dict[UUID, Name] = {}
    for name in names:
        held = found.setdefault(name.token, name)
        if held.lead_id != name.lead_id and not held.personal:
            found[name.token] = replace(held, lead_id=None)
    return found


async def claim_missed(conn: Connection, waits: timedelta, since: timedelta) -> set[UUID]:
    """Give what came at the same moment as its person to them; who got something.

    :param waits: how long an activity waits for somebody unknown; tells since when it does. When it
        was received tells nothing: after an outage everything comes late, and at once.
    :param since: how far back it is looked.
    """
    return {row["lead_id"] for row in await conn.fetch(_MISSED, waits, since)}


async def find(
    conn: Connection, tokens: Iterable[UUID], visitors: Iterable[str]
) -> tuple[dict[UUID, UUID], dict[str, UUID]]:
    """The leads that identifiers and visitors stand for, as far as they are known."""
    by_token = await conn.fetch(
        "select token, lead_id from scoring.identities"
        " where token = any($1::uuid[]) and lead_id is not null",
        list(tokens),
    )
    by_visitor = await conn.fetch(
        "select visitor_id, lead_id from scoring.visitors where visitor_id = any($1::text[])",
        list(visitors),
    )
    return (
        {row["token"]: row["lead_id"] for row in by_token},
        {row["visitor_id"]: row["lead_id"] for row in by_visitor},
    )


async def keep(conn: Connection, activities: Sequence[Stored]) -> set[UUID]:
    """Store activities; the ids of those that were not there already."""
    rows = list({one.happened.event: one for one in activities}.values())
    happened = [one.happened for one in rows]
    found = await conn.fetch(
        _KEEP,
        [one.event for one in happened],
        [one.event_id for one in rows],
        [one.activity.value for one in happened],
        [one.actor.value for one in happened],
        [one.at for one in happened],
        [one.received_at for one in happened],
        [one.source for one in happened],
        [one.page_kind for one in happened],
        [one.page_url for one in happened],
        [one.detail for one in happened],
        [one.amount for one in happened],
        [one.meant.lead_id for one in rows],
        [one.meant.account_key for one in rows],
        [one.meant.waits_for for one in rows],
        [one.meant.visitor_id for one in rows],
        [one.waits for one in rows],
        [one.reason for one in happened],
        [one.answers.encode().decode() if one.answers else None for one in happened],
    )
    return {row["activity_id"] for row in found}


async def around(conn: Connection, leads: Mapping[UUID, str]) -> dict[UUID, Around]:
    """All that happened around leads; of each the newest.

    :param leads: lead id to account key.
    """
    found = await conn.fetch(
        _AROUND, list(leads), sorted(set(leads.values())), MOST_ACTIVITIES, MOST_SIGNALS
    )
    own: dict[object, list[Happened]] = {}
    seen: dict[str, list[Seen]] = {}
    for row in found:
        if row["strength"] is not None:
            seen.setdefault(row["account"], []).append(_seen(row))
        else:
            own.setdefault(row["lead_id"] or row["account"], []).append(_happened(row))
    return {
        lead: Around((*own.get(lead, ()), *own.get(account, ())), tuple(seen.get(account, ())))
        for lead, account in leads.items()
    }


def _happened(row: Any) -> Happened:
    return Happened(
        event=row["event"],
        activity=ActivityName(row["name"]),
        actor=Actor(row["actor"]),
        at=row["at"],
        received_at=row["received_at"],
        source=row["source"],
        page_kind=row["page_kind"],
        page_url=row["page_url"],
        detail=row["detail"],
        amount=row["amount"],
        reason=row["reason"],
        answers=Answers.read(row["answers"]) if row["answers"] else None,
    )


def _seen(row: Any) -> Seen:
    return Seen(
        event=row["event"],
        signal=SignalName(row["name"]),
        provider=row["source"],
        strength=row["strength"],
        at=row["at"],
        received_at=row["received_at"],
        detail=row["detail"] or "",
        url=row["url"],
    )
