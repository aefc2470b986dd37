"""When each person works: a message says by when to answer, on their own clock."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"

DDL = """
alter table delivery.people add column calendar text, add column time_zone text;
"""


def upgrade() -> None:
    op.execute(DDL)
