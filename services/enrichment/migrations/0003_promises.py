"""Questions whose answer a vendor brings later, to an address of their own."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"

DDL = """
create table enrichment.promises (
    -- SHA-256 of what the address ends with
    token bytea primary key,
    -- in the ledger
    call bigint not null,
    provider text not null,
    endpoint text not null,
    -- its hash, as in enrichment.answers
    question text not null,
    -- what the vendor calls whom it promised to tell about
    reference text,
    lead_id uuid not null,
    lane text not null,
    -- the touch for which it was asked, until it is answered
    input_id uuid not null,
    captured bytea not null,
    traceparent text,
    keep_until timestamptz not null,
    answered_at timestamptz
);
create index promises_by_call on enrichment.promises (call);
create index promises_over on enrichment.promises (keep_until);
"""


def upgrade() -> None:
    op.execute(DDL)
