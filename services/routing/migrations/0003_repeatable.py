"""What operators changed by command, as decisions saw it: needed to repeat them."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"

DDL = """
-- Named by its content: a decision record holds the key, thousands of them the same one.
create table routing.overlays (
    key text primary key,
    overlays json not null
);

create view routing.changes_by_command as select key, overlays from routing.overlays;
"""


def upgrade() -> None:
    op.execute(DDL)
