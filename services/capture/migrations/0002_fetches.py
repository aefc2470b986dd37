"""Submissions whose person has to be read from the vendor."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

DDL = """
create table capture.fetches (
    job_id uuid primary key,
    -- the record of the submission, as it lay: a dead letter holds the same bytes
    input_id uuid not null unique,
    topic text not null,
    partition integer not null,
    "offset" bigint not null,
    key bytea,
    value bytea not null,
    headers bytea not null,
    -- of the dead letter that was put back, how often: one more opens the job again
    replays integer not null,
    submission_id uuid not null,
    source text not null,
    lane text not null check (lane in ('live', 'bulk')),
    created_at timestamptz not null default clock_timestamp(),
    due_at timestamptz not null default clock_timestamp(),
    attempts integer not null default 0,
    refusals integer not null default 0,
    missings integer not null default 0,
    ended_at timestamptz,
    -- null: the answer went on, under this digest; else why there is none
    reason text,
    fetched_sha256 text
);
create index fetches_due on capture.fetches (lane, due_at) where ended_at is null;
create index fetches_by_source on capture.fetches (source) where ended_at is null;
create index fetches_by_age on capture.fetches (created_at);
"""


def upgrade() -> None:
    op.execute(DDL)
