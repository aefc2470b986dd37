"""Leads as they are known, their revisions, and the questions that are open."""

from __future__ import annotations

from alembic import op

from services.runtime import outbox

revision = "0001"
down_revision = None

DDL = """
create table enrichment.leads (
    lead_id uuid primary key,
    account_key text not null,
    revision integer not null default 0,
    -- name -> [stamp, value]: what the person said, each field with when it was said
    said jsonb not null default '{}',
    -- name -> provenance: what providers answered
    bought jsonb not null default '{}',
    updated_at timestamptz not null default now()
) with (fillfactor = 70);

create table enrichment.revisions (
    lead_id uuid not null,
    revision integer not null,
    input_id uuid not null,
    submission_id uuid,
    at timestamptz not null,
    complete boolean not null,
    late boolean not null,
    -- wanted fields that were still unknown
    missing text[] not null,
    facts jsonb not null,
    primary key (lead_id, revision)
);

-- Leads that wait for a provider. A row lives until nobody is left to be asked.
create table enrichment.jobs (
    input_id uuid primary key,
    lead_id uuid not null,
    lane text not null,
    captured bytea not null,
    traceparent text,
    deadline timestamptz not null,
    -- the one revision with late = false is out
    published boolean not null default false,
    -- the lease of the worker that has it
    claimed_until timestamptz,
    attempts integer not null default 0
);
create index jobs_to_work on enrichment.jobs (lane, deadline);
create index jobs_due on enrichment.jobs (deadline) where not published;
create index jobs_of_lead on enrichment.jobs (lead_id);

-- Questions that were answered, misses too. The question is kept as a hash.
create table enrichment.answers (
    provider text not null,
    question text not null,
    outcome text not null,
    "values" jsonb not null,
    fetched_at timestamptz not null,
    expires_at timestamptz not null,
    primary key (provider, question)
);
create index answers_expired on enrichment.answers (expires_at);

-- For `explain`: read by cli and pipeline only.
create view enrichment.story as
select lead_id, revision as lead_revision, submission_id, at, complete, late, missing, facts
from enrichment.revisions;
"""


def upgrade() -> None:
    op.execute(DDL + outbox.tables("enrichment"))
