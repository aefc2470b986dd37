"""Leads that are offered until somebody claims them, and what was no lead."""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"

DDL = """
-- while it is held: until then members may claim it, and nobody queues behind it
alter table routing.attempts add column offered_until timestamptz;
-- kind and to
alter table routing.attempts add column diverted jsonb;
"""


def upgrade() -> None:
    op.execute(DDL)
