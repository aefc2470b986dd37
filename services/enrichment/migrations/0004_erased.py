"""Which leads were erased: older events of theirs are dropped."""

from __future__ import annotations

from alembic import op

from services.runtime import erasure

revision = "0004"
down_revision = "0003"

DDL = """
-- Its hash, as in enrichment.answers, where it was about the person: the answer goes with them.
alter table enrichment.calls add column question text;
"""


def upgrade() -> None:
    op.execute(erasure.tables("enrichment") + DDL)
