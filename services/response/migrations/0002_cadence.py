"""Touch plans: who is in one, and what is known of each plan's bounces."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

DDL = """
create table response.enrolments (
    lead_id uuid not null,
    role text not null,
    plan text not null,
    assignment_id uuid not null,
    raise_id uuid not null,
    started_at timestamptz not null,
    -- of the next touch
    step integer not null,
    due_at timestamptz not null,
    -- running, finished, stopped
    state text not null,
    reason text,
    primary key (lead_id, role)
);
create index enrolments_due on response.enrolments (due_at) where state = 'running';
create index enrolments_of_plan on response.enrolments (plan) where state = 'running';

create table response.plans (
    plan text primary key,
    sent bigint not null default 0,
    bounced bigint not null default 0,
    paused_at timestamptz,
    resumed_at timestamptz,
    resumed_by text
);
"""


def upgrade() -> None:
    op.execute(DDL)
