"""Leads of one person: which lead stands for which."""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"

DDL = """
alter table routing.leads add column merged_into uuid;
create index leads_merged on routing.leads (merged_into) where merged_into is not null;

-- For whoever asks about a lead: which one stands for it. Itself is not there.
create view routing.merged as
select lead_id, merged_into from routing.leads where merged_into is not null;
"""


def upgrade() -> None:
    op.execute(DDL)
