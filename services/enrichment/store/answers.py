"""Questions that providers answered, misses too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from pydantic_core import from_json

from schemas.base import Provenance
from services.enrichment.config import Outcome
from services.enrichment.plan import Question
from services.enrichment.store.values import provenances, text
from services.runtime.database import Connection

_ANSWERS = """
select provider, question, "values"::text as values
from enrichment.answers
join unnest($1::text[], $2::text[]) as q(provider, question) using (provider, question)
where expires_at > now()
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
    )
    return {
        (row["provider"], row["question"]): provenances(from_json(row["values"])) for row in rows
    }


async def keep(
    conn: Connection,
    question: Question,
    outcome: Outcome,
    values: Mapping[str, Provenance],
    at: datetime,
    fresh_for: timedelta,
) -> None:
    """Remember an answer, so that the same question is not paid for twice."""
    await conn.execute(
        _KEEP, question.provider, question.key, outcome.value, text(values), at, at + fresh_for
    )


async def forget_answers(conn: Connection) -> None:
    """Delete answers that are not fresh any more."""
    await conn.execute("delete from enrichment.answers where expires_at < now()")
