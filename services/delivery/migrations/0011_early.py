"""Touches that were read before the assignment that they are about: the topics are two."""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"

DDL = """
create table delivery.early (
    event_id uuid primary key,
    assignment_id uuid not null,
    touch bytea not null,
    at timestamptz not null default clock_timestamp()
);
create index early_of_attempt on delivery.early (assignment_id);
create index early_by_age on delivery.early (at);
"""


def upgrade() -> None:
    op.execute(DDL)
