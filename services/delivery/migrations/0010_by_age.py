"""What `handraise prune` deletes is found by its age."""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"

DDL = """
create index deliveries_by_age on delivery.deliveries (done_at) where done_at is not null;
create index attempts_by_age on delivery.attempts (at);
"""


def upgrade() -> None:
    op.execute(DDL)
