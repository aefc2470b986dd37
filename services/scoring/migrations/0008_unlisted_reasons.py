"""Whether the reason for which sales gave a lead up is one of the definition's."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"

DDL = """
-- null: it is not disqualified, or was before this was kept
alter table scoring.leads add column disqualified_listed boolean;
create or replace view scoring.disqualified as
select lead_id, account_key, disqualified_for as reason, disqualified_at as at,
       recycle_at as returns_at, coalesce(disqualified_listed, true) as listed
from scoring.leads where disqualified_at is not null;
"""


def upgrade() -> None:
    op.execute(DDL)
