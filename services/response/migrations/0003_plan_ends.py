"""That a plan is over is told as well, to whoever was told of a touch of it."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"

DDL = """
alter table response.enrolments add column told boolean not null default true;
create index enrolments_to_tell on response.enrolments (lead_id) where not told;
"""


def upgrade() -> None:
    op.execute(DDL)
