"""Leads, their touches and their scores. Rows are locked in the order of lead ids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic_core import to_json

from schemas.base import KindName, TierName
from schemas.qualification import Disqualified
from services.kernel.facts import without_identifiers
from services.runtime.database import Connection
from services.runtime.outbox import Write
from services.scoring.assess import Assessed
from services.scoring.model import Touch
from services.scoring.names import Name, Visitor
from services.scoring.store import around

MOST_TOUCHES = 500
"""Of one lead, the newest; a score looks no further back."""

# One statement creates what is missing, locks in order and reads what is newest: the update that
# changes nothing is what makes it return rows that were there before. The accounts come first, so
# that a signal about one finds every lead of it: those that are there, and those that are coming.
# What the leads are known by is learnt in the same round trip.
_LOCK = f"""
with accounts as materialized (
    select count(pg_advisory_xact_lock_shared(hashtextextended(account, 0)))
    from (select distinct account from unnest($10::text[]) as at(account) order by 1) as sorted
), {around.REGISTER}
insert into scoring.leads as l (lead_id, account_key, score_revision)
-- numbers of a lead that was erased go on: events without an input have their ids by them
select lead, account, coalesce(e.last, 0)
from accounts, unnest($9::uuid[], $10::text[]) as at(lead, account)
left join scoring.erased e on e.lead_id = at.lead
order by 1
on conflict (lead_id) do update set account_key = l.account_key
returning lead_id, account_key, score_revision, lead_revision, latest, tier,
          released_at is not null as released, disqualified_at is not null as disqualified
"""

_LOCK_KNOWN = """
select lead_id, account_key, score_revision, lead_revision, latest, tier,
       released_at is not null as released, disqualified_at is not null as disqualified
from scoring.leads
where lead_id = any($1::uuid[]) order by lead_id for update
"""

_LOCK_DUE = """
select lead_id, account_key, score_revision, lead_revision, latest, tier,
       released_at is not null as released, disqualified_at is not null as disqualified
from scoring.leads
where rescore_at <= now() and ($2::uuid is null or lead_id = $2)
order by rescore_at limit $1 for update skip locked
"""

_MARK = """
with found as materialized (
    select lead_id from scoring.leads
    where lead_id = any($1::uuid[]) or account_key = any($2::text[])
    order by lead_id for update
)
update scoring.leads l set rescore_at = coalesce(l.rescore_at, now() + $3::interval)
from found where l.lead_id = found.lead_id
"""

_TOUCHES = """
select lead_id, event_id, kind, at, received_at
from unnest($1::uuid[]) as wanted(lead)
cross join lateral (
    select * from scoring.touches where lead_id = lead order by at desc, event_id limit $2
) as newest
"""

_WRITE = """
leads as (
    update scoring.leads l
    set score_revision = n.score_revision, lead_revision = n.lead_revision,
        latest = coalesce(n.latest, l.latest), tier = n.tier, rescore_at = null, updated_at = now(),
        turn_pool = n.pool, turn_signals = n.signals, turn_total = n.total,
        turn_since = case when n.pool is not null then coalesce(l.turn_since, now()) end,
        disqualified_at = n.out_at, disqualified_for = n.out_for,
        disqualified_listed = n.out_listed,
        recycle_at = case when n.waits_on then l.recycle_at else n.returns_at end
    from unnest($1::uuid[], $2::int[], $3::int[], $4::bytea[], $23::text[], $24::text[],
                $25::int[], $26::int[], $28::timestamptz[], $29::text[], $30::timestamptz[],
                $32::bool[], $33::bool[])
        as n(lead_id, score_revision, lead_revision, latest, tier, pool, signals, total,
             out_at, out_for, returns_at, waits_on, out_listed)
    where l.lead_id = n.lead_id
), touches as (
    insert into scoring.touches (lead_id, event_id, kind, at, received_at)
    select * from unnest($5::uuid[], $6::uuid[], $7::text[], $8::timestamptz[], $9::timestamptz[])
    on conflict do nothing
), scores as (
    insert into scoring.scores (lead_id, score_revision, lead_revision, submission_id, at, late,
                                fit, intent, total, tier, mql, ledger, version, facts, sql)
    select lead_id, score_revision, lead_revision, submission_id, at, late,
           fit, intent, total, tier, mql, ledger::jsonb, version, facts::jsonb, sql
    from unnest($10::uuid[], $11::int[], $12::int[], $13::uuid[], $14::timestamptz[], $15::bool[],
                $16::int[], $17::int[], $18::int[], $19::text[], $20::bool[], $21::text[],
                $22::text[], $27::text[], $31::bool[])
        as s(lead_id, score_revision, lead_revision, submission_id, at, late,
             fit, intent, total, tier, mql, ledger, version, facts, sql)
)
"""


@dataclass(slots=True)
class LeadRow:
    """What is stored of a lead, brought forward while its batch is decided."""

    lead_id: UUID
    account_key: str
    score_revision: int
    lead_revision: int
    """Of ``latest``; 0 before the first."""
    latest: bytes | None
    """The newest LeadEnriched as JSON."""
    tier: str | None
    """The best that routing was told since the last submission."""
    released: bool
    """A prospect that had its turn of the drip."""
    disqualified: bool
    """By the score before this one."""
    touches: list[Touch]
    added: list[Touch]
    """Of ``touches``, those that are not stored yet."""
    turn: tuple[str, int, int] | None = None
    """A prospect that waits: the pool whose drip it waits for, its active signals, its points."""
    out: Disqualified | None = None
    """What sales said no for."""
    returns_at: datetime | None = None
    """When it comes back as a prospect."""
    waits_on: bool = True
    """What is stored of that stays."""

    def waits(self, assessed: Assessed) -> None:
        """What the newest score says of its turn, and of its coming back."""
        event = assessed.event
        self.out = event.qualification.disqualified if event.qualification else None
        if self.out is not None:  # routing has closed it: whatever brings it back is news
            self.tier = TierName.NURTURE.value
            self.returns_at, self.waits_on = self.out.returns_at, False
        elif self.disqualified:  # a submission comes back by itself, an activity has to be made one
            self.returns_at = assessed.at if event.submission_id is None else None
            self.waits_on = False
        sorts = {one.signal for one in event.signals}
        self.turn = (assessed.turn, len(sorts), event.score.total) if assessed.turn else None


async def lock(
    conn: Connection,
    leads: Mapping[UUID, str],
    names: Iterable[Name],
    visitors: Iterable[Visitor],
) -> dict[UUID, LeadRow]:
    """Create what is missing, lock all and read their touches.

    :param leads: lead id to account key.
    :param names: by what they are known from now on; what waited for them is theirs.
    :param visitors: as :func:`~services.scoring.store.around.learnt`.
    """
    ids = sorted(leads)
    known = around.learnt(names, visitors)
    found = await conn.fetch(_LOCK, *known, ids, [leads[lead] for lead in ids])
    return await _with_touches(conn, found)


async def lock_known(conn: Connection, leads: Iterable[UUID]) -> dict[UUID, LeadRow]:
    """Lock leads that are there, and read their touches; one that was never scored is left out."""
    return await _with_touches(conn, await conn.fetch(_LOCK_KNOWN, sorted(leads)))


async def any_due(conn: Connection) -> bool:
    """Whether there is a lead to be scored again now."""
    return bool(
        await conn.fetchval("select exists(select from scoring.leads where rescore_at <= now())")
    )


async def due(conn: Connection, limit: int) -> list[UUID]:
    """Leads that are to be scored again now, unlocked."""
    rows = await conn.fetch(
        "select lead_id from scoring.leads where rescore_at <= now() order by rescore_at limit $1",
        limit,
    )
    return [row["lead_id"] for row in rows]


async def lock_due(conn: Connection, limit: int, only: UUID | None = None) -> dict[UUID, LeadRow]:
    """Lock leads that are to be scored again; those that somebody works on are passed over.

    :param only: this one, if it still is.
    """
    return await _with_touches(conn, await conn.fetch(_LOCK_DUE, limit, only))


async def put_off(conn: Connection, lead: UUID, wait: timedelta) -> None:
    """A lead that is due is not before ``wait`` from now."""
    await conn.execute(
        "update scoring.leads set rescore_at = now() + $2::interval"
        " where lead_id = $1 and rescore_at <= now()",
        lead,
        wait,
    )


async def mark(
    conn: Connection, leads: Iterable[UUID], accounts: Iterable[str], wait: timedelta
) -> None:
    """Have leads scored again, ``wait`` from now: what happens meanwhile is scored with them."""
    await conn.execute(_MARK, list(leads), list(accounts), wait)


async def _with_touches(conn: Connection, found: Iterable[Any]) -> dict[UUID, LeadRow]:
    rows = {row["lead_id"]: LeadRow(**dict(row), touches=[], added=[]) for row in found}
    # After the locks, in a statement of its own: it must see what their last holders stored.
    known = [lead for lead, row in rows.items() if row.score_revision > 0]
    for lead, of_lead in (await touches(conn, known)).items():
        rows[lead].touches.extend(of_lead)
    return rows


async def touches(conn: Connection, leads: Iterable[UUID]) -> dict[UUID, list[Touch]]:
    """The newest touches of each lead that has any."""
    ids, found = list(leads), dict[UUID, list[Touch]]()
    if ids:
        for row in await conn.fetch(_TOUCHES, ids, MOST_TOUCHES):
            found.setdefault(row["lead_id"], []).append(_touch(row))
    return found


def write(rows: Iterable[LeadRow], scored: Sequence[Assessed]) -> Write:
    """What stores locked leads, their new touches and their scores."""
    changed = list(rows)
    new = [(row.lead_id, touch) for row in changed for touch in row.added]
    arguments = (
        [row.lead_id for row in changed],
        [row.score_revision for row in changed],
        [row.lead_revision for row in changed],
        [row.latest for row in changed],
        [lead_id for lead_id, _ in new],
        [touch.event for _, touch in new],
        [touch.kind.value for _, touch in new],
        [touch.at for _, touch in new],
        [touch.received_at for _, touch in new],
        *_columns(scored),
        [row.tier for row in changed],
        [row.turn[0] if row.turn else None for row in changed],
        [row.turn[1] if row.turn else None for row in changed],
        [row.turn[2] if row.turn else None for row in changed],
        [to_json(without_identifiers(one.facts)).decode() for one in scored],
        [row.out.at if row.out else None for row in changed],
        [row.out.reason if row.out else None for row in changed],
        [row.returns_at for row in changed],
        [one.event.qualification.sql if one.event.qualification else None for one in scored],
        [row.waits_on for row in changed],
        [row.out.listed if row.out else None for row in changed],
    )
    return Write(_WRITE, arguments)


def _columns(scored: Sequence[Assessed]) -> tuple[list[Any], ...]:
    events = [one.event for one in scored]
    return (
        [event.lead.lead_id for event in events],
        [event.score_revision for event in events],
        [event.lead_revision for event in events],
        [event.submission_id for event in events],
        [one.at for one in scored],
        [event.late for event in events],
        [event.score.fit for event in events],
        [event.score.intent for event in events],
        [event.score.total for event in events],
        [event.tier.value for event in events],
        [event.mql for event in events],
        [to_json(event.ledger).decode() for event in events],
        [event.scoring_version for event in events],
    )


def _touch(row: Any) -> Touch:
    return Touch(row["event_id"], KindName(row["kind"]), row["at"], row["received_at"])
