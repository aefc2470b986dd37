"""Realignments of territories: what each was to move, and what became of it."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"

DDL = """
create table routing.realignments (
    id bigint generated always as identity primary key,
    config_version text not null,
    by text not null,
    reason text not null,
    untouched_for_days integer not null,
    started_at timestamptz not null,
    finished_at timestamptz,
    undone_by text,
    undone_at timestamptz
);
-- One at a time: what was begun is finished before another is planned.
create unique index realignments_in_progress on routing.realignments ((true))
    where finished_at is null;

create table routing.realignment_moves (
    realignment bigint not null references routing.realignments,
    nth integer not null,
    kind text not null check (kind in ('account', 'lead')),
    -- company id or lead id
    subject text not null,
    owner_kind text,
    assignment_id uuid,
    -- a rep's id; of an account: as the accounts table named the owner
    was text not null,
    was_pool text,
    to_rep text not null,
    to_pool text not null,
    why text not null,
    -- null: not yet; done, or why not
    outcome text,
    -- the attempt by which the new owner has a lead
    by_assignment uuid,
    undone text,
    primary key (realignment, nth)
);
create index realignment_moves_open on routing.realignment_moves (realignment, nth)
    where outcome is null;
"""


def upgrade() -> None:
    op.execute(DDL)
