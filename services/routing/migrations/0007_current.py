"""Who has which lead now, and whether anything was done about it."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"

DDL = """
create view routing.current as
select assignment_id, lead_id, role, status, rep_id, pool, given_at,
       status = 'accepted' or worked_at >= given_at as touched
from routing.attempts
where status in ('assigned', 'reassigned', 'accepted', 'escalated') and rep_id is not null;
"""


def upgrade() -> None:
    op.execute(DDL)
