"""When a stream of a CRM was last read to its end: a reading may go on for long, or stop halfway."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"

DDL = """
alter table delivery.crm_streams add column ended_at timestamptz;
-- of one that never was, since when it should be
alter table delivery.crm_streams
    add column known_at timestamptz not null default clock_timestamp();
update delivery.crm_streams set ended_at = ran_at where page is null and fault is null;
"""


def upgrade() -> None:
    op.execute(DDL)
