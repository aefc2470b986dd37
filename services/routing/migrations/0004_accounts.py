"""The accounts table, what activities tell of a lead, holds that wait for one person."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"

DDL = """
-- What sales knows of a company. "accounts" are the rows that are locked by account key.
create table routing.companies (
    company_id text primary key,
    name text not null,
    domains text[] not null,
    country text,
    postal_code text,
    -- kind of owner to a rep's id, e-mail or external id
    owners jsonb not null,
    open_opportunity boolean not null,
    customer boolean not null,
    named boolean not null,
    contacts integer not null,
    since date,
    updated_at timestamptz not null default now()
);
-- By what a company is found: domains, and names together with a supporting field.
create table routing.company_keys (
    key text collate "C" not null,
    company_id text not null references routing.companies on delete cascade,
    primary key (key, company_id)
);
create index company_keys_of on routing.company_keys (company_id);

-- The person that a held lead waits for, who is away; nobody queues behind it.
alter table routing.attempts add column waits_for text;
-- When a rep last did something about it.
alter table routing.attempts add column worked_at timestamptz;
create index attempts_idle on routing.attempts (greatest(touched_at, worked_at))
    where status in ('assigned', 'reassigned', 'accepted', 'escalated');

alter table routing.leads add column last_activity text;
alter table routing.leads add column last_activity_at timestamptz;

-- Activities that are about nobody we know yet; tried again until kept_until, then left as they are.
create table routing.unmatched (
    activity_id uuid primary key,
    event text not null,
    headers jsonb not null,
    received_at timestamptz not null,
    kept_until timestamptz not null
);
create index unmatched_by_time on routing.unmatched (kept_until);
"""


def upgrade() -> None:
    op.execute(DDL)
