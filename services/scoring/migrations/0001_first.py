"""Leads as they were last scored, their touches, and every score with its ledger."""

from __future__ import annotations

from alembic import op

from services.runtime import outbox

revision = "0001"
down_revision = None

DDL = """
create table scoring.leads (
    lead_id uuid primary key,
    account_key text not null,
    score_revision integer not null default 0,
    -- the newest LeadEnriched seen, as bytes: an older one that comes late is scored with it
    lead_revision integer not null default 0,
    latest bytea,
    updated_at timestamptz not null default now()
) with (fillfactor = 70);

create table scoring.touches (
    lead_id uuid not null,
    event_id uuid not null,
    kind text not null,
    at timestamptz not null,
    received_at timestamptz not null,
    primary key (lead_id, event_id)
);

create table scoring.scores (
    lead_id uuid not null,
    score_revision integer not null,
    lead_revision integer not null,
    submission_id uuid,
    -- the moment for which the score holds: with touches and facts it gives the same score again
    at timestamptz not null,
    late boolean not null,
    fit integer not null,
    intent integer not null,
    total integer not null,
    tier text not null,
    mql boolean not null,
    ledger jsonb not null,
    version text not null,
    primary key (lead_id, score_revision)
);

-- For `explain` and `scoring explain`: read by cli and pipeline only. Points are hundredths.
create view scoring.story as
select lead_id, score_revision, lead_revision, submission_id, at, late, fit, intent, total, tier,
       mql, ledger, version
from scoring.scores;
"""


def upgrade() -> None:
    op.execute(DDL + outbox.tables("scoring"))
