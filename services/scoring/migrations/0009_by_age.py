"""Activities that nobody was found for are found by their age, to be deleted."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"

DDL = """
create index activities_given_up on scoring.activities (waits_until)
    where lead_id is null and account_key is null;
"""


def upgrade() -> None:
    op.execute(DDL)
