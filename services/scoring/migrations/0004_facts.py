"""What each score was made from, so that another model can be tried on it and weights be learned."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"

DDL = """
-- What was known by the names that rules use, less what identifies a person; null before this.
alter table scoring.scores add column facts jsonb;
"""


def upgrade() -> None:
    op.execute(DDL)
