"""Who has which lead now: whom a signal is told to."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"

DDL = """
create table scoring.owners (
    lead_id uuid not null,
    role text not null,
    account_key text not null,
    assignment_id uuid not null,
    sequence integer not null,
    -- null: nobody has it in this role
    rep_id text,
    at timestamptz not null,
    primary key (lead_id, role)
);
create index owners_by_account on scoring.owners (account_key) where rep_id is not null;
"""


def upgrade() -> None:
    op.execute(DDL)
