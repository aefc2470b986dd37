"""What simulations read: the history in its order, with the account of each lead."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"

DDL = """
-- Several changes bear the time of their one transaction: this is the order among them.
alter table routing.history add column nth bigint generated always as identity;

create view routing.traffic as
select h.lead_id, h.role, h.sequence, h.at, h.assignment_id, h.status, h.rep_id, h.pool, h.ended,
       l.account_key, h.nth, h.config_version, h.record
from routing.history h join routing.leads l using (lead_id);
"""


def upgrade() -> None:
    op.execute(DDL)
