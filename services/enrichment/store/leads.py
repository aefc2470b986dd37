"""Leads as they are known, and their revisions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from pydantic_core import from_json

from services.enrichment.merge import dump, dump_bought, load, load_bought
from services.enrichment.revise import LeadState, Revision, answered, unknown
from services.enrichment.store.companies import listed
from services.enrichment.store.values import provenances, text
from services.runtime.database import Connection
from services.runtime.outbox import Write

# One statement creates what is missing, locks in order and reads what is newest: the update that
# changes nothing is what makes it return rows that were there before. What the own table says of
# the leads' companies is asked with it, in the same round trip. Numbers of a lead that was erased
# go on: events without an input have their ids by them.
_LOCK = """
with locked as (
    insert into enrichment.leads as l (lead_id, account_key, revision)
    select n.lead_id, account_key, coalesce(e.last, 0)
    from unnest($1::uuid[], $2::text[]) as n(lead_id, account_key)
    left join enrichment.erased e using (lead_id) order by 1
    on conflict (lead_id) do update set account_key = l.account_key
    returning lead_id, revision, said::text as said, bought::text as bought
)
select locked.*, c.facts::text as facts, c.imported_at
from locked join unnest($1::uuid[], $3::text[]) as at(lead_id, domain) using (lead_id)
left join enrichment.companies c on c.domain = at.domain
"""

_WRITE = """
leads as (
    update enrichment.leads l
    set revision = n.revision, said = n.said::jsonb, bought = n.bought::jsonb, updated_at = now()
    from unnest($1::uuid[], $2::int[], $3::text[], $4::text[]) as n(lead_id, revision, said, bought)
    where l.lead_id = n.lead_id
), revisions as (
    insert into enrichment.revisions
        (lead_id, revision, input_id, submission_id, at, complete, late, missing, facts)
    select lead_id, revision, input_id, submission_id, at, complete, late,
           coalesce(string_to_array(nullif(missing, ''), ','), '{}'), facts::jsonb
    from unnest($5::uuid[], $6::int[], $7::uuid[], $8::uuid[], $9::timestamptz[], $10::bool[],
                $11::bool[], $12::text[], $13::text[])
        as r(lead_id, revision, input_id, submission_id, at, complete, late, missing, facts)
)
"""


async def lock(
    conn: Connection, leads: Mapping[UUID, str], domains: Mapping[UUID, str | None]
) -> dict[UUID, LeadState]:
    """Create what is missing and lock all; lead id to what is known.

    :param leads: lead id to account key.
    :param domains: those of companies that leads come from. What the own table says of them counts
        like a provider's answer.
    """
    ids = sorted(leads)
    rows = await conn.fetch(
        _LOCK, ids, [leads[lead] for lead in ids], [domains.get(lead) for lead in ids]
    )
    return {row["lead_id"]: answered(_state(row), listed(row)) for row in rows}


def write(states: Iterable[LeadState], revisions: Sequence[tuple[UUID, Revision]]) -> Write:
    """What stores locked leads and their new revisions.

    :param revisions: each with the id of the LeadCaptured that it descends from.
    """
    changed = list(states)
    events = [revision.event for _, revision in revisions]
    arguments = (
        [state.lead_id for state in changed],
        [state.revision for state in changed],
        [text(dump(state.registers)) for state in changed],
        [text(dump_bought(state.bought)) for state in changed],
        [event.lead.lead_id for event in events],
        [event.lead_revision for event in events],
        [input_id for input_id, _ in revisions],
        [event.submission_id for event in events],
        [revision.at for _, revision in revisions],
        [event.complete for event in events],
        [event.late for event in events],
        [",".join(sorted(revision.missing)) for _, revision in revisions],
        [text(event.facts) for event in events],
    )
    return Write(_WRITE, arguments)


async def peek(conn: Connection, lead_id: UUID) -> LeadState:
    """What is stored of a lead, without a lock."""
    row = await conn.fetchrow(
        "select lead_id, revision, said::text as said, bought::text as bought"
        " from enrichment.leads where lead_id = $1",
        lead_id,
    )
    return unknown(lead_id) if row is None else _state(row)


def _state(row: Any) -> LeadState:
    return LeadState(
        lead_id=row["lead_id"],
        revision=row["revision"],
        registers=load(from_json(row["said"])),
        bought=load_bought(provenances(from_json(row["bought"]))),
    )
