"""Why an attempt was closed, and what made its owner the owner."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"

DDL = """
-- won, lost, disqualified, released, idle, handed_over
alter table routing.attempts add column closed_by text;
-- owner:<level>, pool:<pool of the rule> or nurture; a late revision moves a lead where it changes
alter table routing.attempts add column owner_class text;
"""


def upgrade() -> None:
    op.execute(DDL)
