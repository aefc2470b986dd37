"""Leads, their clocks and story, who works when, how far the feeds were read."""

from __future__ import annotations

from alembic import op

from services.runtime import outbox

revision = "0001"
down_revision = None

DDL = """
-- One row per lead and role: the row that is locked by whoever changes anything about its clocks.
create table response.leads (
    lead_id uuid not null,
    role text not null,
    account_key text not null,
    sequence integer not null,
    assignment_id uuid not null,
    cycle integer not null,
    attempt integer not null,
    status text not null,
    rep_id text,
    pool text,
    tier text not null,
    kind text not null,
    channel text not null,
    motion text not null,
    -- the hand-raise that is waited for
    raise_id uuid not null,
    raised_at timestamptz not null,
    phase text not null,
    given_at timestamptz,
    opens_at timestamptz,
    accepted_at timestamptz,
    touched_at timestamptz,
    measured boolean not null,
    hops integer not null,
    escalates_at timestamptz,
    escalated boolean not null,
    config_version text not null,
    primary key (lead_id, role)
);
create index leads_by_account on response.leads (account_key);
create index leads_queued on response.leads (rep_id, raised_at) where phase = 'queued';
create index leads_untouched on response.leads (rep_id) where phase = 'running';
create index leads_waiting on response.leads (tier, raised_at) where touched_at is null;

-- By which other names a person is known: what an activity may give instead of the lead id.
create table response.addresses (
    email text primary key,
    lead_id uuid not null
);
create index addresses_of_lead on response.addresses (lead_id);

create table response.attempts (
    assignment_id uuid primary key,
    lead_id uuid not null
);
create index attempts_of_lead on response.attempts (lead_id);

create table response.clocks (
    clock_id uuid primary key,
    lead_id uuid not null,
    role text not null,
    assignment_id uuid not null,
    kind text not null,
    started_at timestamptz not null,
    due_at timestamptz not null,
    -- due_at, or later while the clock is suspended
    try_at timestamptz not null,
    config_version text not null,
    -- running, fired, stopped
    state text not null,
    ended_at timestamptz
) with (fillfactor = 80);
create unique index clocks_running on response.clocks (lead_id, role, kind)
    where state = 'running';
create index clocks_due on response.clocks (try_at) where state = 'running';
create index clocks_of_lead on response.clocks (lead_id, started_at);
create index clocks_by_age on response.clocks (ended_at) where state <> 'running';

create table response.history (
    id bigint generated always as identity primary key,
    lead_id uuid not null,
    role text not null,
    at timestamptz not null,
    what text not null,
    text text not null,
    assignment_id uuid not null,
    rep_id text
);
create index history_of_lead on response.history (lead_id, at, id);
create index history_by_time on response.history (at);

-- Activities about nobody known yet; after a day they are kept as unmatched.
create table response.unmatched (
    event_id uuid primary key,
    event jsonb not null,
    lead_id uuid,
    assignment_id uuid,
    email text,
    domain text,
    at timestamptz not null default now(),
    waits_until timestamptz not null
);
create index unmatched_by_lead on response.unmatched (lead_id);
create index unmatched_by_assignment on response.unmatched (assignment_id);
create index unmatched_by_email on response.unmatched (email);
create index unmatched_by_age on response.unmatched (at);

create table response.people (
    rep_id text primary key,
    calendar text not null,
    time_zone text not null,
    active boolean not null,
    changed_at timestamptz not null
);

-- Up to when every record of a partition was handled: a clock whose deadline lies behind this in
-- all partitions may fire, as nothing that could have stopped it is unread.
create table response.progress (
    topic text not null,
    partition integer not null,
    read_until timestamptz not null,
    primary key (topic, partition)
);

-- What was heard of CRM and SDR tools last.
create table response.feed (
    singleton boolean primary key default true check (singleton),
    occurred_at timestamptz not null,
    heard_at timestamptz not null
);

create view response.story as
select id, lead_id, role, at, what, text, assignment_id, rep_id from response.history;

create view response.running as
select lead_id, role, assignment_id, kind, started_at, due_at, try_at, config_version
from response.clocks where state = 'running';
"""


def upgrade() -> None:
    op.execute(outbox.tables("response"))
    op.execute(DDL)
