"""``routing.reps`` is what is locked of a person, and nothing more.

Who is away is in ``rep_changes`` since 0002, and no release ever read these columns: nothing that
runs asks for them while they go.
"""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"

DDL = """
alter table routing.reps drop column active, drop column paused, drop column paused_until;
comment on table routing.reps is 'One row per person, for locks; what holds of them is elsewhere.';
"""


def upgrade() -> None:
    op.execute(DDL)
