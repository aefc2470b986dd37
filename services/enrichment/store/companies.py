"""The company's own table of other companies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic_core import from_json

from schemas.base import Provenance
from services.enrichment.store.values import text
from services.enrichment.table import Company
from services.runtime.database import Connection

SOURCE = "table:companies"


def listed(row: Any) -> dict[str, Provenance]:
    """What the table says, of a row with its ``facts`` and ``imported_at``; nothing where they are
    null."""
    if row["facts"] is None:
        return {}
    return {
        field: Provenance(value=value, source=SOURCE, at=row["imported_at"])
        for field, value in from_json(row["facts"]).items()
    }


_PUT = """
with rows as (
    select * from unnest($1::text[], $2::text[]) as n (domain, facts)
), put as (
    insert into enrichment.companies as c (domain, facts, file)
    select domain, facts::jsonb, $3 from rows order by domain
    on conflict (domain) do update
    set facts = excluded.facts, file = excluded.file, imported_at = now()
    where c.facts <> excluded.facts
    returning (xmax = 0) as is_new
)
select count(*) filter (where is_new) as added, count(*) filter (where not is_new) as changed
from put
"""


async def put_companies(
    conn: Connection, companies: Sequence[Company], file: str
) -> tuple[int, int]:
    """Store rows over older ones of the same domain; how many are new, how many changed.

    :param companies: each domain once.
    """
    row = await conn.fetchrow(
        _PUT,
        [one.domain for one in companies],
        [text(one.facts) for one in companies],
        file,
    )
    assert row is not None
    return row["added"], row["changed"]
