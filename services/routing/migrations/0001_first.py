"""Leads, attempts, turns, their history, and what explain and fairness read."""

from __future__ import annotations

from alembic import op

from services.runtime import outbox

revision = "0001"
down_revision = None

DDL = """
-- Rows that exist to be locked: whoever decides about an account, gives turns in a pool or counts
-- the leads of a capped rep holds the row until the commit. Always in this order, sorted within.
create table routing.accounts (
    account_key text collate "C" primary key
);
create table routing.pools (
    pool text collate "C" primary key
);
create table routing.reps (
    rep_id text collate "C" primary key,
    -- what operators changed by command; null: as configured
    active boolean,
    paused boolean not null default false,
    paused_until timestamptz
);

-- Locks the accounts, then the pools: those given, and those through which a rep already has a lead
-- of one of the accounts, which cannot change any more then. Last the capped members of these pools.
-- Returns the pools that are locked.
create function routing.lock(
    _accounts text[], _pools text[], _cap_pools text[], _cap_reps text[]
) returns text[] language plpgsql as $$
declare
    _all text[];
    _reps text[];
begin
    -- A row that another transaction inserts at this moment is waited for, then locked below: each
    -- statement of a function sees what was committed before it.
    insert into routing.accounts select unnest(_accounts) on conflict do nothing;
    perform 1 from routing.accounts a where a.account_key = any(_accounts)
        order by a.account_key for update;

    select array_agg(distinct p collate "C" order by p collate "C") into _all from (
        select unnest(_pools) as p
        union
        select a.pool from routing.attempts a
        where a.account_key = any(_accounts) and a.pool is not null
          and a.status in ('assigned', 'reassigned', 'accepted', 'escalated')
    ) known;
    insert into routing.pools select unnest(_all) on conflict do nothing;
    perform 1 from routing.pools p where p.pool = any(_all) order by p.pool for update;

    select array_agg(distinct c.rep collate "C" order by c.rep collate "C") into _reps
    from unnest(_cap_pools, _cap_reps) as c (pool, rep) where c.pool = any(_all);
    insert into routing.reps (rep_id) select unnest(_reps) on conflict do nothing;
    perform 1 from routing.reps r where r.rep_id = any(_reps) order by r.rep_id for update;
    return coalesce(_all, '{}');
end $$;

create table routing.leads (
    lead_id uuid primary key,
    account_key text not null,
    -- of the last AssignmentChanged
    sequence integer not null,
    score_revision integer not null,
    -- LeadScored of that revision, without its ledger
    scored text
);

create table routing.attempts (
    assignment_id uuid primary key,
    lead_id uuid not null,
    account_key text not null,
    role text not null,
    cycle integer not null,
    attempt integer not null,
    status text not null,
    -- the submission that it answers
    origin jsonb not null,
    received_at timestamptz not null,
    tier text not null,
    tier_rank smallint not null,
    rep_id text,
    pool text,
    reason text not null,
    rule_path text not null,
    config_version text not null,
    decided_at timestamptz not null,
    changed_at timestamptz not null,
    touched_at timestamptz not null,
    given_at timestamptz,
    previous_rep_id text,
    excluded text[] not null,
    held_since timestamptz,
    held_until timestamptz,
    turn jsonb,
    unique (lead_id, role, cycle, attempt)
);
-- The last guard: one active assignment per lead and role, whatever else goes wrong.
create unique index attempts_active on routing.attempts (lead_id, role)
    where status in ('assigned', 'reassigned', 'accepted', 'escalated');
create index attempts_of_account on routing.attempts (account_key, given_at)
    where status in ('assigned', 'reassigned', 'accepted', 'escalated');
create index attempts_held on routing.attempts (pool, tier_rank, received_at, assignment_id)
    where status = 'held';
create index attempts_given on routing.attempts (rep_id, given_at) where given_at is not null;
create index attempts_untaken on routing.attempts (rep_id)
    where status in ('assigned', 'reassigned', 'escalated');

create table routing.turns (
    pool text not null,
    tier_group text not null,
    member text not null,
    -- 0: no longer in the pool
    weight integer not null,
    count bigint not null,
    -- in 1 / 10^12 of a lead
    entitlement bigint not null,
    primary key (pool, tier_group, member)
);

-- Every AssignmentChanged, with the record of the decision behind it.
create table routing.history (
    lead_id uuid not null,
    sequence integer not null,
    assignment_id uuid not null,
    role text not null,
    cycle integer not null,
    attempt integer not null,
    at timestamptz not null,
    status text not null,
    rep_id text,
    pool text,
    reason text not null,
    rule_path text not null,
    config_version text not null,
    submission_id uuid,
    -- how the submission ended, where this was its end
    ended text,
    -- json, not jsonb: it is written often, read by a person and never searched
    record json,
    primary key (lead_id, sequence)
);
create index history_by_time on routing.history (at);

-- Configuration versions whose people were published to people.v1.
create table routing.announced (
    id bigint generated always as identity primary key,
    version text not null,
    at timestamptz not null default now()
);

create view routing.story as
select lead_id, sequence, at, assignment_id, role, cycle, attempt, status, rep_id, pool, reason,
       rule_path, config_version, submission_id, ended, record
from routing.history;

create view routing.fairness as
select pool, tier_group, member, weight, count,
       entitlement::numeric / 1000000000000 as entitlement,
       count - entitlement::numeric / 1000000000000 as deviation
from routing.turns;
"""


def upgrade() -> None:
    op.execute(outbox.tables("routing"))
    op.execute(DDL)
