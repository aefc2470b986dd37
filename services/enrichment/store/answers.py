"""Questions that providers answered, misses too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from pydantic_core import from_json

from schemas.base import Provenance
from services.enrichment.providers.contract import Outcome, Question
from services.enrichment.store.values import provenances, text
from services.runtime.database import Connection

_ANSWERS = """
select provider, question, "values"::text as values
from enrichment.answers
join unnest($1::text[], $2::text[], $3::float8[]) as q(provider, question, max_age)
    using (provider, question)
where expires_at > now()
  and (outcome <> 'matched' or fetched_at >= now() - make_interval(secs => max_age))
"""

_KEEP = """
insert into enrichment.answers (provider, question, outcome, "values", fetched_at, expires_at)
values ($1, $2, $3, ($4::text)::jsonb, $5, $6)
on conflict (provider, question) do update
set outcome = excluded.outcome, "values" = excluded."values",
    fetched_at = excluded.fetched_at, expires_at = excluded.expires_at
"""


async def answers(
    conn: Connection, questions: Sequence[Question]
) -> dict[tuple[str, str], dict[str, Provenance]]:
    """Kept answers that are fresh, by provider and question key; a kept miss is empty."""
    rows = await conn.fetch(
        _ANSWERS,
        [question.provider for question in questions],
        [question.key for question in questions],
        [question.max_age.total_seconds() for question in questions],
    )
    return {
        (row["provider"], row["question"]): provenances(from_json(row["values"])) for row in rows
    }


async def keep(
    conn: Connection,
    asked: tuple[str, str],
    outcome: Outcome,
    values: Mapping[str, Provenance],
    at: datetime,
    fresh_for: timedelta,
) -> None:
    """Remember an answer, so that the same question is not paid for twice.

    :param asked: the provider, and the question's hash.
    """
    await conn.execute(_KEEP, *asked, outcome.value, text(values), at, at + fresh_for)


LEDGER_DAYS = 400


async def forget(conn: Connection) -> None:
    """Delete answers that are not fresh any more, leases nobody gave back, old accounts."""
    await conn.execute("delete from enrichment.answers where expires_at < now()")
    await conn.execute("delete from enrichment.flights where until < now() - interval '1 hour'")
    for table in ("calls", "spend"):
        await conn.execute(
            f"delete from enrichment.{table} where day < current_date - $1::int", LEDGER_DAYS
        )
