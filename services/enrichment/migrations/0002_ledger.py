"""What questions cost, who is asking, and what the company itself knows of other companies."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

DDL = """
-- The ledger: one row for each question that was put, or that the budget stopped. Amounts are
-- millionths of the currency of the configuration.
create table enrichment.calls (
    id bigint generated always as identity primary key,
    day date not null,
    provider text not null,
    endpoint text not null,
    lead_id uuid not null,
    lane text not null,
    asked_at timestamptz not null default clock_timestamp(),
    ended_at timestamptz,
    -- null: open, or its process died while it was asking
    outcome text,
    reserved bigint not null,
    cost bigint
);
create index calls_of_day on enrichment.calls (day, provider);
create index calls_of_lead on enrichment.calls (lead_id);

-- The day's accounts: what is spent or put aside, by provider; '' is all together.
create table enrichment.spend (
    day date not null,
    provider text not null,
    spent bigint not null default 0,
    primary key (day, provider)
) with (fillfactor = 50);

-- Who is asking what at this moment, in any process.
create table enrichment.flights (
    provider text not null,
    question text not null,
    until timestamptz not null,
    primary key (provider, question)
);

-- The company's own table of other companies, by registrable domain.
create table enrichment.companies (
    domain text primary key,
    -- field -> value
    facts jsonb not null,
    file text not null,
    imported_at timestamptz not null default now()
);

-- For `handraise spend`: read by cli and pipeline only.
create view enrichment.ledger as
select day, provider, endpoint, lead_id, lane, asked_at, ended_at, outcome,
       coalesce(cost, reserved) as micros, outcome is null as unsettled
from enrichment.calls;
"""


def upgrade() -> None:
    op.execute(DDL)
