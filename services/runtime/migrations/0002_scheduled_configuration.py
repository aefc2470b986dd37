"""Configuration versions that become active by themselves."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

DDL = """
create table handraise.config_scheduled (
    id bigint generated always as identity primary key,
    version text not null references handraise.config_versions (version),
    author text not null,
    note text not null,
    effective_at timestamptz not null,
    at timestamptz not null default now(),
    ended_at timestamptz,
    outcome text check (outcome in ('active', 'cancelled')),
    check ((ended_at is null) = (outcome is null))
);
create index config_scheduled_pending on handraise.config_scheduled (effective_at)
    where ended_at is null;
"""


def upgrade() -> None:
    op.execute(DDL)
