"""What is to be delivered, what became of it, and who has which lead now."""

from __future__ import annotations

from alembic import op

from services.runtime import outbox

revision = "0001"
down_revision = None

DDL = """
-- The latest that assignments.v1 said of each lead and role.
create table delivery.current (
    lead_id uuid not null,
    role text not null,
    account_key text not null,
    sequence integer not null,
    assignment_id uuid not null,
    status text not null,
    active boolean not null,
    rep_id text,
    -- what colleagues may be told of the person, and no more
    person text,
    rep_name text,
    tier text not null,
    changed_at timestamptz not null,
    primary key (lead_id, role)
);
create index current_of_account on delivery.current (account_key) where active;
create index current_of_assignment on delivery.current (assignment_id);

create table delivery.deliveries (
    delivery_id uuid primary key,
    sink text not null,
    lead_id uuid not null,
    role text not null,
    assignment_id uuid not null,
    sequence integer not null,
    lane_rank smallint not null,
    event bytea not null,
    state text not null default 'waiting',
    -- why it is in its state, by a code
    reason text,
    attempts integer not null default 0,
    due_at timestamptz not null default clock_timestamp(),
    -- the lease of the worker that has it
    claimed_until timestamptz,
    created_at timestamptz not null default clock_timestamp(),
    done_at timestamptz,
    -- what the sink calls the message
    ref text,
    unique (sink, assignment_id, sequence)
);
create index deliveries_due on delivery.deliveries (sink, lane_rank, due_at)
    where state = 'waiting';
create index deliveries_of_lead on delivery.deliveries (lead_id, sink, sequence);
create index deliveries_dead on delivery.deliveries (sink, done_at) where state = 'dead';

create table delivery.attempts (
    delivery_id uuid not null,
    number integer not null,
    at timestamptz not null default clock_timestamp(),
    outcome text not null,
    detail text not null,
    seconds double precision not null,
    primary key (delivery_id, number)
);

-- Where a sink keeps the message about an attempt, so that it can be changed.
create table delivery.messages (
    sink text not null,
    assignment_id uuid not null,
    place text not null,
    primary key (sink, assignment_id)
);

create table delivery.sinks (
    sink text primary key,
    paused_by text,
    paused_at timestamptz,
    disabled_reason text,
    disabled_at timestamptz
);

-- For `explain`: read by cli and pipeline only.
create view delivery.story as
select d.lead_id, d.assignment_id, d.sequence, d.sink, d.state, d.reason, d.attempts, d.ref,
       d.created_at, d.done_at
from delivery.deliveries d;
"""


def upgrade() -> None:
    op.execute(DDL + outbox.tables("delivery"))
