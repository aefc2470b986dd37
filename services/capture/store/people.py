"""Deliveries, identities, leads and touches: what the deciding transaction reads and writes.

Rows are locked in the order deliveries, identities, leads, and sorted within each, so that several
capture processes wait for each other and never in a circle.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.capture.batch import Batch, LeadRow, NewTouches, TouchRow
from services.capture.people import Known
from services.capture.repeats import DOUBLE_SUBMIT, Claim, Delivered, Key, Press
from services.runtime.database import Connection
from services.runtime.outbox import Write


@dataclass(frozen=True, slots=True)
class Held:
    """Identities of a batch, locked."""

    known: dict[UUID, Known]
    erased: Mapping[UUID, datetime]
    """Which of them were somebody's who was erased, and when."""


# The rows of identities are locked in the same round trip where every delivery is new: what repeats
# one leaves no trace of whom it names.
_IDENTITIES = """
insert into capture.identities as i (token, lead_id, since)
select token, token, since from unnest({tokens}::uuid[], {since}::timestamptz[]) as n (token, since)
{where} order by token
-- not `do nothing`: the row must be locked, and returned as the last writer left it
on conflict (token) do update set token = i.token
-- xmax is 0 only in a row that this statement inserted
returning token, lead_id, since, email_token, shared, xmax = 0 as fresh
"""
# First of all, as an erasure locks before it deletes. A row without a lead is one of these.
_ERASED = """
select {before}lead_id as token, null::uuid as lead_id, erased_at as since,
       null::uuid as email_token, null::bool as shared, null::bool as fresh
from capture.erased_among({asked}::uuid[])
"""
_HOLD = f"""
with held as ({_IDENTITIES.format(tokens="$1", since="$2", where="")})
{_ERASED.format(before="", asked="$3")} union all select * from held
"""
_HOLD_IF_NEW = _IDENTITIES.format(
    tokens="$7", since="$8", where="where (select count(*) from won) = cardinality($1::text[])"
)
_CLAIM = f"""
with won as (
    insert into capture.deliveries as d
        (source, delivery_key, submission_id, body_sha256, received_at, expires_at)
    select * from unnest($1::text[], $2::text[], $3::uuid[], $4::text[], $5::timestamptz[],
                         $6::timestamptz[]) as n (source, delivery_key, s, b, received_at, e)
    order by source, delivery_key
    on conflict (source, delivery_key) do update
        set submission_id = excluded.submission_id, body_sha256 = excluded.body_sha256,
            received_at = excluded.received_at, expires_at = excluded.expires_at,
            stored = nextval('capture.delivery_order')
        where d.expires_at <= excluded.received_at
    returning source, delivery_key
), held as ({_HOLD_IF_NEW})
{_ERASED.format(before="null as source, null as delivery_key, ", asked="$9")}
union all
select source, delivery_key, null, null, null, null, null, null from won
union all
select null, null, held.* from held
"""

_DELIVERED = """
select source, delivery_key, submission_id, body_sha256 from capture.deliveries
where (source, delivery_key) in (select * from unnest($1::text[], $2::text[]))
"""


async def claim(
    conn: Connection, claims: Sequence[Claim], batch: Batch | None = None
) -> tuple[dict[Key, Delivered], Held]:
    """Store the claims; returns what was delivered before under the keys that were taken.

    The keys of ``claims`` differ from each other. Where none was taken the identities of ``batch``
    are locked and read, as by :func:`identities`; else nothing is done with them.
    """
    tokens, alone = (batch.tokens_since(), batch.alone()) if batch is not None else ({}, set())
    nobody = Held({}, {})
    if not (claims or tokens):
        return {}, nobody
    asked = list(tokens), list(tokens.values()), [*tokens, *alone]
    rows = await conn.fetch(_CLAIM, *claim_columns(claims), *asked)
    won = {(row[0], row[1]) for row in rows}
    lost = [c.key for c in claims if c.key not in won]
    if not lost:
        return {}, _held([tuple(row)[2:] for row in rows if row[2] is not None])
    found = await conn.fetch(_DELIVERED, [k[0] for k in lost], [k[1] for k in lost])
    return {(r[0], r[1]): Delivered(r[2], r[3]) for r in found}, nobody


def claim_columns(claims: Sequence[Claim]) -> tuple[list[Any], ...]:
    """One array per column of deliveries."""
    return (
        [c.source for c in claims],
        [c.delivery_key for c in claims],
        [c.delivered.submission_id for c in claims],
        [c.delivered.body_sha256 for c in claims],
        [c.received_at for c in claims],
        [c.expires_at for c in claims],
    )


async def identities(conn: Connection, batch: Batch) -> Held:
    """Lock the tokens and read what they stand for; a new one stands for itself since its time."""
    tokens = batch.tokens_since()
    asked = [*tokens, *batch.alone()]
    rows = await conn.fetch(_HOLD, list(tokens), list(tokens.values()), asked)
    return _held([tuple(row) for row in rows])


def _held(rows: Sequence[tuple[Any, ...]]) -> Held:
    return Held(
        {row[0]: Known(*row) for row in rows if row[1] is not None},
        {row[0]: row[2] for row in rows if row[1] is None},
    )


async def unlearn(conn: Connection, tokens: Iterable[UUID]) -> None:
    """Identifiers that stand for nobody."""
    await conn.execute(
        "delete from capture.identities where token = any($1::uuid[])", sorted(tokens)
    )


_LEADS = """
with linked as (
    update capture.identities i
    set lead_id = n.lead_id, since = n.since, email_token = n.email_token, shared = n.shared
    from unnest($5::uuid[], $6::uuid[], $7::timestamptz[], $8::uuid[], $9::bool[])
        as n (token, lead_id, since, email_token, shared)
    where i.token = n.token
)
insert into capture.leads as l
    (lead_id, account_key, touches, first_received_at, last_received_at)
select lead_id, account_key, count, at, at
from unnest($1::uuid[], $2::text[], $3::integer[], $4::timestamptz[])
    as n (lead_id, account_key, count, at)
order by lead_id
on conflict (lead_id) do update set
    touches = l.touches + excluded.touches,
    last_received_at = greatest(l.last_received_at, excluded.last_received_at)
returning lead_id, account_key, touches
"""


async def add_touches(
    conn: Connection, new: Sequence[NewTouches], changed: Sequence[Known]
) -> dict[UUID, LeadRow]:
    """Lock the leads, create those that are new, count the touches.

    :param changed: identities, as :func:`~services.capture.people.resolve` changed them.
    """
    rows = await conn.fetch(
        _LEADS,
        *lead_columns(new),
        *identity_columns(changed),
    )
    return {row[0]: LeadRow(row[1], row[2]) for row in rows}


def lead_columns(new: Sequence[NewTouches]) -> tuple[list[Any], ...]:
    """One array per column: lead, account, touches, when."""
    return (
        [n.lead_id for n in new],
        [n.account_key for n in new],
        [n.count for n in new],
        [n.received_at for n in new],
    )


def identity_columns(tokens: Sequence[Known]) -> tuple[list[Any], ...]:
    """One array per column of identities."""
    return (
        [k.token for k in tokens],
        [k.lead_id for k in tokens],
        [k.since for k in tokens],
        [k.email_token for k in tokens],
        [k.shared for k in tokens],
    )


_PRESSES = """
select t.lead_id, t.source, t.form_id, t.kind, t.submitted_at
from unnest($1::uuid[], $2::timestamptz[]) as n (lead_id, at)
join capture.touches t on t.lead_id = n.lead_id
    and t.submitted_at between n.at - $3::interval and n.at + $3::interval
"""


async def presses(
    conn: Connection, wanted: Sequence[tuple[UUID, datetime]]
) -> dict[UUID, list[Press]]:
    """Submissions of leads near given moments, by lead."""
    found: dict[UUID, list[Press]] = {}
    if wanted:
        rows = await conn.fetch(
            _PRESSES, [w[0] for w in wanted], [w[1] for w in wanted], DOUBLE_SUBMIT
        )
        for lead, *press in rows:
            found.setdefault(lead, []).append(Press(*press))
    return found


_MERGE_IDENTITIES = """
with mine as (
    select token from capture.identities where lead_id = $1 order by token for update
)
update capture.identities i set lead_id = $2 from mine where i.token = mine.token
"""
_LOCK_LEADS = """
select from capture.leads where lead_id in ($1, $2) order by lead_id for update
"""
_MERGE_LEADS = """
update capture.leads s set
    touches = s.touches + o.touches,
    first_received_at = least(s.first_received_at, o.first_received_at),
    last_received_at = greatest(s.last_received_at, o.last_received_at)
from capture.leads o where s.lead_id = $2 and o.lead_id = $1
"""
_MERGE_TOUCHES = "update capture.touches set lead_id = $2 where lead_id = $1"


async def merge(conn: Connection, merged: UUID, survivor: UUID) -> None:
    """The survivor stands for the other's identifiers, and has its touches."""
    for statement in (_MERGE_IDENTITIES, _LOCK_LEADS, _MERGE_LEADS, _MERGE_TOUCHES):
        await conn.execute(statement, merged, survivor)
    await conn.execute("update capture.leads set touches = 0 where lead_id = $1", merged)


TOUCHES = """
touches as (
    insert into capture.touches (submission_id, lead_id, touch, repeat, source, form_id, kind,
                                 motion, channel, lane, submitted_at, received_at, utm, click_ids)
    select a, b, c, d, e, f, g, h, i, j, k, l, m::jsonb, n::jsonb
    from unnest($1::uuid[], $2::uuid[], $3::integer[], $4::text[], $5::text[], $6::text[],
                $7::text[], $8::text[], $9::text[], $10::text[], $11::timestamptz[],
                $12::timestamptz[], $13::text[], $14::text[])
        as t (a, b, c, d, e, f, g, h, i, j, k, l, m, n)
    where {wait}
    on conflict do nothing
)
"""
_TOUCHES = TOUCHES.format(wait="true")


def kept_touches(rows: Sequence[TouchRow]) -> Write | None:
    """What stores the touches; None where there are none."""
    return Write(_TOUCHES, touch_columns(rows)) if rows else None


def touch_columns(rows: Sequence[TouchRow]) -> tuple[list[Any], ...]:
    """One array per column of touches, of at least one row."""
    columns = zip(
        *(
            (r.submission_id, r.lead_id, r.touch, r.repeat, r.press.source, r.press.form_id,
             r.press.kind, r.motion, r.channel, r.lane, r.press.submitted_at, r.received_at,
             json.dumps(r.utm), json.dumps(r.click_ids))
            for r in rows
        ),
        strict=True,
    )  # fmt: skip
    return tuple(map(list, columns))
