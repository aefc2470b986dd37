"""What a submission of somebody unknown leaves behind, in one statement."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from services.capture.batch import NewTouches, TouchRow
from services.capture.people import Known
from services.capture.repeats import Claim
from services.capture.store import people
from services.runtime.outbox import First
from services.runtime.outbox_sql import behind
from services.runtime.records import Output

_KNOWN = """
select 1 from capture.deliveries join unnest($1::text[], $2::text[]) as n (source, delivery_key)
    using (source, delivery_key)
union all select 1 from capture.identities where token = any($7::uuid[])
union all select 1 from capture.leads where lead_id = any($12::uuid[])
"""

_TOUCHES = behind(15, people.TOUCHES.format(wait="(select count(*) from counted) > 0"))
# The order is that of every other transaction: deliveries, identities, leads.
_CTES = f"""
delivered as (
    insert into capture.deliveries
        (source, delivery_key, submission_id, body_sha256, received_at, expires_at)
    select * from unnest($1::text[], $2::text[], $3::uuid[], $4::text[], $5::timestamptz[],
                         $6::timestamptz[]) as n (source, delivery_key, s, b, received_at, e)
    where (select count(*) from claimed) > 0 order by source, delivery_key returning 1
), held as (
    insert into capture.identities (token, lead_id, since, email_token, shared)
    select * from unnest($7::uuid[], $8::uuid[], $9::timestamptz[], $10::uuid[], $11::bool[])
    where (select count(*) from delivered) > 0 order by 1 returning 1
), counted as (
    insert into capture.leads (lead_id, account_key, touches, first_received_at, last_received_at)
    select lead_id, account_key, count, at, at
    from unnest($12::uuid[], $13::text[], $14::integer[], $15::timestamptz[])
        as n (lead_id, account_key, count, at)
    where (select count(*) from held) > 0 order by lead_id returning 1
), {_TOUCHES}
"""


def first(
    outputs: Mapping[UUID, Sequence[Output]],
    claims: Sequence[Claim],
    tokens: Sequence[Known],
    asked: Collection[UUID],
    leads: Sequence[NewTouches],
    touches: Sequence[TouchRow],
) -> First:
    """All of it; nothing is written where a delivery, an identity or a lead was known.

    :param tokens: the identities as they are from now on.
    :param asked: by what they would be known, had they been erased.
    """
    arguments = (
        *people.claim_columns(claims),
        *people.identity_columns(tokens),
        *people.lead_columns(leads),
        *people.touch_columns(touches),
    )
    return First(outputs, asked, _KNOWN, _CTES, "counted", arguments)
