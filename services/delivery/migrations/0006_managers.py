"""Who reports to whom, and under which name: managers hear of signals too."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"

DDL = """
alter table delivery.people add column name text, add column manager text;
"""


def upgrade() -> None:
    op.execute(DDL)
