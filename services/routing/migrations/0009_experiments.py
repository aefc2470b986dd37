"""Which arm of an experiment a lead was routed by, and what came of it."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"

DDL = """
-- experiment to arm; kept by the later attempts of the cycle
alter table routing.attempts add column experiments jsonb not null default '{}';
alter table routing.attempts add column qualified_at timestamptz;
create index attempts_experiments on routing.attempts using gin (experiments)
    where experiments <> '{}';

create view routing.experiments as
select a.lead_id, a.role, a.assignment_id, a.cycle, a.attempt, a.status, a.rep_id, a.pool,
       e.key as experiment, e.value as arm, a.decided_at, a.given_at, a.worked_at, a.qualified_at
from routing.attempts a cross join lateral jsonb_each_text(a.experiments) e
where a.experiments <> '{}';
"""


def upgrade() -> None:
    op.execute(DDL)
