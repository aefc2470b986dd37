"""Since when the inputs that come again are recognised, by room."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"

DDL = """
-- Written by `handraise prune` before it deletes rows of an inbox; it only ever advances. No row:
-- nothing was forgotten yet.
create table handraise.repeats_known (
    room text primary key,
    since timestamptz not null
);
"""


def upgrade() -> None:
    op.execute(DDL)
