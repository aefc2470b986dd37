"""Which leads were erased: older events of theirs are dropped."""

from __future__ import annotations

from alembic import op

from services.runtime import erasure

revision = "0016"
down_revision = "0015"

DDL = """
-- Of a row that only holds numbers, of a person who is forgotten.
alter table routing.leads add column erased_at timestamptz;
create index leads_erased on routing.leads (erased_at) where erased_at is not null;
"""


def upgrade() -> None:
    op.execute(erasure.tables("routing") + DDL)
