"""Decisions that depend on nothing known before: claimed, decided and stored in one statement.

Where everybody in a batch is a stranger there is nothing to read between a lock and a write. What
would be decided then is worked out beforehand; one statement looks whether anything is known after
all and, where nothing is, writes everything. Else it writes nothing, and whoever asked decides in a
transaction. Two that do so at once meet in the primary keys: the second fails and wrote nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, TypeVar
from uuid import UUID

import asyncpg

from schemas.base import Event
from services.runtime import outbox_sql as sql
from services.runtime import repeats
from services.runtime.producer import check_sizes
from services.runtime.records import Output, Record

E = TypeVar("E", bound=Event)

MOST_AT_ONCE: Final = 8
"""Among more records somebody is likely to be known, and a transaction costs each of them less."""


@dataclass(frozen=True, slots=True)
class First:
    """What is decided of inputs where nothing that it depends on was known."""

    outputs: Mapping[UUID, Sequence[Output]]
    """At least one of each input."""
    people: Collection[UUID]
    """Whom it is about, by every id under which they may have been erased."""
    known: str
    """Selects a row where anything was known; a constant text, like the next two."""
    ctes: str
    """What is written, as behind ``with``. Each waits for the one before it, the first for
    ``claimed``, which has no row where anything was known: so rows are locked in this order."""
    last: str
    """The name of the last of them, for which the outbox's rows wait."""
    arguments: tuple[Any, ...]


DecideFirst = Callable[[Sequence[Record[E]]], First | None]
"""Pure; None where it cannot be said without looking."""


async def tried(
    pool: asyncpg.Pool, schema: str, records: Sequence[Record[E]], first: DecideFirst[E]
) -> dict[UUID, list[Output]] | None:
    """Decide and store all of it, committed; None, and nothing, where that takes a transaction.

    :raises OutputTooLarge: before anything is stored.
    """
    if len(records) > MOST_AT_ONCE or repeats.old(records):
        return None
    found = first(records)
    if found is None:
        return None
    flat = sql.flat(found.outputs)
    check_sizes([out for _, _, out in flat])
    statement = _statement(schema, found.known, found.ctes, found.last, len(found.arguments))
    asked = sorted(found.outputs), list(found.people)
    try:
        rows = await pool.fetch(statement, *found.arguments, *sql.columns(flat), *asked)
    except asyncpg.UniqueViolationError:
        return None  # somebody else was quicker
    return sql.kept(flat, rows) if rows else None


@cache
def _statement(schema: str, known: str, ctes: str, last: str, arguments: int) -> str:
    insert = sql.behind(arguments, sql.statements(schema).insert)
    inputs, people = f"${arguments + 8}::uuid[]", f"${arguments + 9}::uuid[]"
    name = sql.schema_name(schema)
    # Whoever was erased comes first: it is asked under a lock, which an erasure takes for itself.
    return f"""
    with known as (
        select 1 where {name}.is_erased({people}) union all
        select 1 from {name}.inbox where input_id = any({inputs}) union all {known}
    ), claimed as (
        insert into {name}.inbox (input_id)
        select unnest({inputs}) where not exists (select from known) returning 1
    ), {ctes}
    {insert.replace("returning", f"where (select count(*) from {last}) > 0 returning")}
    """
