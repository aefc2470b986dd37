"""An answer that came when the attempt was over belongs to the lead's story."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"

DDL = """
create table delivery.late_answers (
    assignment_id uuid not null,
    rep_id text not null,
    action text not null,
    lead_id uuid not null,
    -- who had the lead by then; null for nobody
    owner text,
    at timestamptz not null,
    -- a button that is pressed again says nothing new
    primary key (assignment_id, rep_id, action)
);
create index late_answers_of_lead on delivery.late_answers (lead_id);
"""


def upgrade() -> None:
    op.execute(DDL)
