"""What people did and what was seen about companies, and by which names they are found."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

DDL = """
-- The best tier that routing was told since the person last submitted something, and from when on
-- the lead is to be scored again.
alter table scoring.leads add column tier text, add column rescore_at timestamptz;
create index leads_to_rescore on scoring.leads (rescore_at) where rescore_at is not null;
create index leads_by_account on scoring.leads (account_key);

-- Which lead an identifier stands for: a lead's own id, the token of a mailbox or a phone, an
-- assignment. Null: a phone that two people gave names nobody.
create table scoring.identities (
    token uuid primary key,
    lead_id uuid
);
create index identities_by_lead on scoring.identities (lead_id);

-- Who identified in a browser last; its later visits are theirs.
create table scoring.visitors (
    visitor_id text primary key,
    lead_id uuid not null,
    at timestamptz not null
);
create index visitors_by_lead on scoring.visitors (lead_id);

create table scoring.activities (
    activity_id uuid primary key,
    event_id uuid not null,
    activity text not null,
    actor text not null,
    at timestamptz not null,
    received_at timestamptz not null,
    source text not null,
    page_kind text,
    page_url text,
    detail text,
    amount double precision,
    -- whose it is: one lead's, or everybody's at the account; neither: nobody known is meant
    lead_id uuid,
    account_key text,
    -- by what whoever is meant would be recognised, and until when it waits for them
    waits_for uuid,
    visitor_id text,
    waits_until timestamptz not null
);
create index activities_by_lead on scoring.activities (lead_id, at desc) where lead_id is not null;
create index activities_by_account on scoring.activities (account_key, at desc)
    where account_key is not null;
create index activities_waiting on scoring.activities (waits_for)
    where lead_id is null and waits_for is not null;
create index activities_anonymous on scoring.activities (visitor_id)
    where lead_id is null and visitor_id is not null;

create table scoring.signals (
    signal_id uuid primary key,
    event_id uuid not null,
    account_key text not null,
    signal text not null,
    provider text not null,
    strength double precision not null,
    at timestamptz not null,
    received_at timestamptz not null,
    detail text not null,
    url text
);
create index signals_by_account on scoring.signals (account_key, at desc);

-- The one outbound lead that was made of an account, so that none is made twice.
create table scoring.account_leads (
    account_key text primary key,
    lead_id uuid not null,
    signal_id uuid not null,
    created_at timestamptz not null default now()
);

-- For people: what waits for a lead, and what was kept without one. Read by cli and pipeline.
create view scoring.unmatched as
select activity_id, activity, actor, at, received_at, source, visitor_id is not null as anonymous,
       waits_until, waits_until <= now() as given_up
from scoring.activities where lead_id is null and account_key is null;
"""


def upgrade() -> None:
    op.execute(DDL)
