"""What `handraise prune` deletes is found by its age."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"

DDL = """
create index deliveries_by_expiry on capture.deliveries (expires_at);
create index spool_by_age on capture.spool (ended_at) where ended_at is not null;
"""


def upgrade() -> None:
    op.execute(DDL)
