"""The statements of erasures."""

from __future__ import annotations

from services.runtime.outbox_sql import schema_name


def in_place(statement: str, schema: str) -> str:
    """The statement, with its schema's name in place."""
    return statement.replace("SCHEMA", schema_name(schema))


DDL = """
-- Leads that were erased: by their ids older events are recognised and dropped.
create table SCHEMA.erased (
    lead_id uuid primary key,
    erased_at timestamptz not null,
    -- of the last event; those of a new life go on behind it, so that no id is given twice
    last integer not null default 0,
    done_at timestamptz not null default clock_timestamp()
);
create index erased_by_age on SCHEMA.erased (erased_at);
create index outbox_by_key on SCHEMA.outbox (key);
-- A tombstone of a compacted topic has none.
alter table SCHEMA.outbox alter column value drop not null;

-- Of the given leads those that were erased, under a lock that an erasure takes for itself.
-- Volatile PL/pgSQL: the select has a snapshot of its own, taken after the lock was granted.
create function SCHEMA.erased_among(_leads uuid[]) returns setof SCHEMA.erased
language plpgsql volatile as $$
begin
    if cardinality(_leads) > 0 then
        perform pg_advisory_xact_lock_shared(hashtextextended('SCHEMA.erased', 0));
        return query select * from SCHEMA.erased e where e.lead_id = any(_leads);
    end if;
end
$$;

-- Whether any of them was, under the same lock: what travels with BEGIN gives nothing but a count.
create function SCHEMA.is_erased(_leads uuid[]) returns boolean
language plpgsql volatile as $$
begin
    return exists (select from SCHEMA.erased_among(_leads));
end
$$;

-- For `handraise erase`: the answer of this service. Read by cli only.
create view SCHEMA.erasures as select lead_id, erased_at, done_at from SCHEMA.erased;
"""

ANSWERS = """
select lead_id, done_at from SCHEMA.erasures where lead_id = any($1::uuid[]) and erased_at >= $2
"""
AMONG = "select lead_id, erased_at from SCHEMA.erased_among($1::uuid[])"

# Whoever decides at this moment is waited for, and waits for us: briefly, then they go first.
PATIENCE = "set local lock_timeout = '1s'"
ALONE = "select pg_advisory_xact_lock(hashtextextended('SCHEMA.erased', 0))"

# The subject of a record stands in its headers, as JSON.
ABOUT = """
key = any($1::bytea[]) and exists (
    select from unnest($2::text[]) as n(subject)
    where position(convert_to('"' || n.subject || '"', 'UTF8') in headers) > 0)
"""
PUBLISHED = f"delete from SCHEMA.outbox where published_at is not null and {ABOUT}"
UNPUBLISHED = f"select exists (select from SCHEMA.outbox where {ABOUT})"

REMEMBER = """
insert into SCHEMA.erased as e (lead_id, erased_at, last) values ($1, $2, $3)
on conflict (lead_id) do update set erased_at = greatest(e.erased_at, excluded.erased_at),
    last = greatest(e.last, excluded.last), done_at = clock_timestamp()
"""
