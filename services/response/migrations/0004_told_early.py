"""What may be told of before the assignment that it is about was read: the topics are two."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"

DDL = """
create table response.told (
    event_id uuid primary key,
    lead_id uuid not null,
    event jsonb not null,
    at timestamptz not null
);
create index told_of_lead on response.told (lead_id);
create index told_by_age on response.told (at);
"""


def upgrade() -> None:
    op.execute(DDL)
