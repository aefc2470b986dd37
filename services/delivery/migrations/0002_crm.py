"""Messages are kept by what they are about (an attempt, or a lead in a CRM); who is who there."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

DDL = """
-- About an attempt (Slack), or about a lead: then `place` is the owner that we wrote last (CRM).
alter table delivery.messages rename column assignment_id to subject;

create table delivery.people (
    rep_id text primary key,
    external_ids jsonb not null,
    changed_at timestamptz not null
);
"""


def upgrade() -> None:
    op.execute(DDL)
