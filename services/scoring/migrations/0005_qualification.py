"""What reps learned and why they said no; which leads come back, and when."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"

DDL = """
alter table scoring.activities add column reason text, add column answers jsonb;

-- Sales-qualified by the shared definition; null where none was in force.
alter table scoring.scores add column sql boolean;
create or replace view scoring.story as
select lead_id, score_revision, lead_revision, submission_id, at, late, fit, intent, total, tier,
       mql, ledger, version, sql
from scoring.scores;

alter table scoring.leads
    -- since when it is disqualified, why, and when it comes back; null: it is not
    add column disqualified_at timestamptz,
    add column disqualified_for text,
    add column recycle_at timestamptz;
create index leads_to_recycle on scoring.leads (recycle_at) where recycle_at is not null;

-- For `scoring recycling`: read by cli and pipeline only.
create view scoring.disqualified as
select lead_id, account_key, disqualified_for as reason, disqualified_at as at,
       recycle_at as returns_at
from scoring.leads where disqualified_at is not null;
"""


def upgrade() -> None:
    op.execute(DDL)
