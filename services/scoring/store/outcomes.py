"""First scores with what became of their leads, for learning. Read only."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import asyncpg
from pydantic import TypeAdapter
from pydantic_core import from_json

from schemas.base import Motion
from schemas.score import LedgerLine
from services.runtime.database import Connection
from services.scoring.learning.samples import Sample

MOST = 200_000
"""Leads that are learnt from, the newest of them."""

# The first score is of the moment before anybody called: what the person did afterwards, because
# somebody called, must not foretell that somebody called.
_SAMPLES = """
select first.lead_id, first.at, first.total, first.ledger::text as ledger,
       first.facts::text as facts,
       array(
           select distinct a.activity from scoring.activities a
           where (a.lead_id = first.lead_id or a.account_key = l.account_key)
             and a.activity = any($1) and a.at >= first.at and a.at < first.at + $2::interval
       ) as came
from scoring.leads l
cross join lateral (
    select * from scoring.scores s where s.lead_id = l.lead_id order by score_revision limit 1
) first
where first.at < $3
order by first.at desc limit $4
"""
_LEDGER = TypeAdapter(tuple[LedgerLine, ...])


async def samples(
    conn: Connection, activities: Sequence[str], horizon: timedelta, now: datetime
) -> list[Sample]:
    """Leads that had the whole horizon to come to something.

    :param activities: those that are outcomes.
    :param horizon: how long after its first score a lead's outcomes count.
    """
    rows = await conn.fetch(_SAMPLES, list(activities), horizon, now - horizon, MOST)
    return [_sample(row) for row in rows]


def _sample(row: asyncpg.Record) -> Sample:
    facts = from_json(row["facts"]) if row["facts"] else {}
    return Sample(
        lead_id=row["lead_id"],
        at=row["at"],
        total=row["total"],
        outbound=facts.get("motion") == Motion.OUTBOUND,
        ledger=_LEDGER.validate_json(row["ledger"]),
        facts=facts,
        came=frozenset(row["came"]),
    )
