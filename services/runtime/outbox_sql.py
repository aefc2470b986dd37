"""The statements of inbox and outbox, and how a row becomes an output again."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg
from pydantic_core import to_json

from schemas.cloudevents import Headers
from schemas.topics import BY_NAME
from services.runtime.records import Output

_NAME = re.compile(r"[a-z_][a-z0-9_]*")


def tables(schema: str) -> str:
    """DDL of ``inbox`` and ``outbox``; part of the first migration of a deciding service."""
    return _DDL.replace("SCHEMA", schema_name(schema))


@dataclass(frozen=True, slots=True)
class Statements:
    """SQL of one schema."""

    among: str
    claim: str
    claimed: str
    insert: str
    caused_by: str
    mark: str
    unmark_overtaken: str
    sweep: str
    newest: str
    count: str


def statements(schema: str) -> Statements:
    """The statements, with their schema's name in place."""
    name = schema_name(schema)
    return Statements(*(text.replace("SCHEMA", name) for text in _STATEMENTS))


@dataclass(frozen=True, slots=True)
class Write:
    """What a service stores of its decisions; runs as one statement with the outbox's insert."""

    ctes: str
    """Named statements, as they stand behind ``with``; one text for all that is written so."""
    arguments: tuple[Any, ...]

    @property
    def alone(self) -> str:
        """The statement where nothing goes to the outbox with it."""
        return f"with {self.ctes} select"


@cache
def joined(ctes: str, arguments: int, insert: str) -> str:
    """``insert`` behind statements that take so many arguments; its own come after theirs."""
    return f"with {ctes} {behind(arguments, insert)}"


def behind(arguments: int, statement: str) -> str:
    """The statement with its arguments behind so many others."""
    return re.sub(r"\$(\d+)", lambda place: f"${int(place[1]) + arguments}", statement)


def claim_of(schema: Statements, inputs: Iterable[UUID], leads: Collection[UUID]) -> str:
    """The claim of these inputs about these leads: nothing but hexadecimal digits and dashes.

    Sorted, so that two processes that hold the same inputs cannot deadlock.
    """
    claim = f"{schema.among if leads else ''}{schema.claim}"
    claimed = claim.replace("INPUTS", ",".join(map(str, sorted(inputs))))
    return claimed.replace("LEADS", ",".join(map(str, leads)))


Flat: TypeAlias = list[tuple[Any, int, Output]]
"""Cause (an input, or None), number among its outputs, output."""


def flat(decided: Mapping[Any, Sequence[Output]]) -> Flat:
    return [(cause, n, out) for cause, outs in decided.items() for n, out in enumerate(outs)]


def kept(rows: Flat, stored: Sequence[asyncpg.Record]) -> dict[Any, list[Output]]:
    """The outputs by cause, each with the id of its row."""
    found: dict[Any, list[Output]] = {}
    for (cause, _, out), row in zip(rows, stored, strict=True):
        one = Output(out.topic, out.key, out.value, out.headers, row["id"], out.tag)
        found.setdefault(cause, []).append(one)
    return found


def columns(rows: Sequence[tuple[UUID | None, int, Output]]) -> tuple[list[Any], ...]:
    """Arguments of ``insert``: one array per column."""
    return (
        [cause for cause, _, _ in rows],
        [ordinal for _, ordinal, _ in rows],
        [out.topic for _, _, out in rows],
        [out.key for _, _, out in rows],
        [out.value for _, _, out in rows],
        _packed([out.headers for _, _, out in rows]),
        [compacted(out.topic) for _, _, out in rows],
    )


def to_output(row: asyncpg.Record) -> Output:
    """The output as it was stored, byte for byte."""
    headers = tuple((name, value.encode("latin-1")) for name, value in json.loads(row["headers"]))
    return Output(row["topic"], row["key"], row["value"], headers, row=row["id"])


def _packed(every: Sequence[Headers]) -> list[bytes]:
    packed: list[bytes] = []
    last: Headers | None = None
    for headers in every:
        # What goes to two topics has the same headers, one after the other.
        packed.append(packed[-1] if headers is last else _pack(headers))
        last = headers
    return packed


def _pack(headers: Headers) -> bytes:
    # Latin-1 maps every byte to one character, so any header comes back as it was.
    return to_json([(name, value.decode("latin-1")) for name, value in headers])


def compacted(topic: str) -> bool:
    """Whether the last record of a key is the one that stays on this topic."""
    spec = BY_NAME.get(topic)
    return spec is not None and spec.compacted


def schema_name(schema: str) -> str:
    """The name, to be put into a statement.

    :raises ValueError: it is none.
    """
    if not _NAME.fullmatch(schema):
        raise ValueError(f"not a schema name: {schema}")
    return schema


_DDL = """
create table SCHEMA.inbox (
    input_id uuid primary key,
    at timestamptz not null default now()
);
create table SCHEMA.outbox (
    id bigint generated always as identity primary key,
    input_id uuid,
    ordinal int not null,
    topic text not null,
    key bytea not null,
    value bytea not null,
    headers bytea not null,
    compacted boolean not null,
    created_at timestamptz not null default now(),
    published_at timestamptz
) with (fillfactor = 80);
create unique index outbox_by_input on SCHEMA.outbox (input_id, ordinal) where input_id is not null;
create index outbox_unpublished on SCHEMA.outbox (id) where published_at is null;
create index outbox_latest on SCHEMA.outbox (topic, key, id) where compacted;
create index inbox_by_age on SCHEMA.inbox (at);
create index outbox_by_age on SCHEMA.outbox (created_at);
"""

# Both with their inputs in place: they travel with BEGIN, which no statement with arguments can.
# Where one of the leads was erased (:mod:`services.runtime.erasure`) nothing is claimed. It is a
# statement of its own that waits for the lock of an erasure: the next one sees what that left.
_AMONG = "select pg_advisory_xact_lock_shared(hashtextextended('SCHEMA.erased', 0)); "
_CLAIM = """
insert into SCHEMA.inbox (input_id) select unnest('{INPUTS}'::uuid[])
where not exists (select from SCHEMA.erased where lead_id = any('{LEADS}'::uuid[]))
on conflict do nothing
"""

# Of the inputs those that this transaction claimed: it wrote their rows, before or with this. And
# of the leads those that were erased, and when.
_CLAIMED = """
with claimed as (
    insert into SCHEMA.inbox (input_id) select unnest($1::uuid[])
    on conflict do nothing returning input_id
)
select lead_id as id, erased_at from SCHEMA.erased_among($2::uuid[])
union all
select input_id, null from claimed
union all
select input_id, null from SCHEMA.inbox
where input_id = any($1::uuid[]) and xmin = pg_current_xact_id()::xid
"""

# Rows come back in the order of the arrays: one scan of unnest feeds one insert.
_INSERT = """
insert into SCHEMA.outbox (input_id, ordinal, topic, key, value, headers, compacted)
select * from unnest(
    $1::uuid[], $2::int[], $3::text[], $4::bytea[], $5::bytea[], $6::bytea[], $7::bool[])
returning id
"""

# What goes out again counts as unpublished until it is marked again: on a compacted topic it may
# overtake a newer record, and a process that dies before its mark leaves that to the sweep.
_CAUSED_BY = """
with again as (
    update SCHEMA.outbox set published_at = null
    where input_id = any($1::uuid[]) and compacted and published_at is not null
)
select id, input_id, topic, key, value, headers from SCHEMA.outbox
where input_id = any($1::uuid[]) order by id
"""

# Losing a mark only repeats a record, so no commit waits for the disk for it.
_MARK = """
update SCHEMA.outbox set published_at = now()
from (select set_config('synchronous_commit', 'off', true)) as relaxed
where id = any($1::bigint[])
"""

# On a compacted topic the last record of a key is the one that stays, so it must be the newest
# decision. Two processes may publish out of order, and so may one: only within a run ($2), rows of
# one call with rising numbers, is the order known. Whoever marks a row and sees that it may have
# overtaken another, or been overtaken, has the newest of that key published once more.
_UNMARK_OVERTAKEN = """
with marked as (select * from unnest($1::bigint[], $2::int[]) as m (id, run))
update SCHEMA.outbox set published_at = null where id in (
    select (select max(n.id) from SCHEMA.outbox n
            where n.compacted and n.topic = mine.topic and n.key = mine.key)
    from marked join SCHEMA.outbox mine on mine.id = marked.id and mine.compacted
    join SCHEMA.outbox other
      on other.compacted and other.topic = mine.topic and other.key = mine.key
    where not exists (
        select from marked beside where beside.id = other.id and beside.run = marked.run)
      and (other.id > mine.id and other.published_at is not null
           or other.id < mine.id
              and (other.published_at is null or other.published_at > mine.created_at))
)
"""

_SWEEP = """
select id, topic, key, value, headers, compacted from SCHEMA.outbox
where published_at is null and created_at < now() - make_interval(secs => $1)
order by id limit $2 for update skip locked
"""

_NEWEST = """
select distinct on (n.topic, n.key) n.id, n.topic, n.key, n.value, n.headers
from SCHEMA.outbox mine join SCHEMA.outbox n
  on n.compacted and n.topic = mine.topic and n.key = mine.key
where mine.id = any($1::bigint[])
order by n.topic, n.key, n.id desc
"""

_COUNT = """
select count(*) as unpublished,
       coalesce(bool_or(created_at < now() - make_interval(secs => $1)), false) as overdue
from SCHEMA.outbox where published_at is null
"""

_STATEMENTS = (
    _AMONG,
    _CLAIM,
    _CLAIMED,
    _INSERT,
    _CAUSED_BY,
    _MARK,
    _UNMARK_OVERTAKEN,
    _SWEEP,
    _NEWEST,
    _COUNT,
)
