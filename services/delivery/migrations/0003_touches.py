"""Due touches are delivered too: a reminder is about an attempt and has no sequence."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"

DDL = """
alter table delivery.deliveries alter column sequence drop not null;
alter table delivery.deliveries add column touch bytea;
-- The bytes of the latest change: a reminder says again who the lead is.
alter table delivery.current add column event bytea;

create or replace view delivery.story as
select d.lead_id, d.assignment_id, d.sequence, d.sink, d.state, d.reason, d.attempts, d.ref,
       d.created_at, d.done_at, d.touch is not null as reminder
from delivery.deliveries d;
"""


def upgrade() -> None:
    op.execute(DDL)
