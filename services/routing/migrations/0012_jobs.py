"""Computations that were asked for over HTTP, and what came of them."""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"

DDL = """
create table routing.jobs (
    id uuid primary key default gen_random_uuid(),
    kind text not null,
    request text not null,
    asked_by text not null,
    asked_at timestamptz not null default now(),
    started_at timestamptz,
    alive_at timestamptz,
    tries integer not null default 0,
    ended_at timestamptz,
    status text not null default 'queued'
        check (status in ('queued', 'running', 'done', 'failed', 'cancelled')),
    result text,
    page text,
    problem text
);
create index jobs_unfinished on routing.jobs (asked_at) where ended_at is null;
create index jobs_asked on routing.jobs (kind, asked_at desc);
"""


def upgrade() -> None:
    op.execute(DDL)
