"""Plans that sales tools run: their end waits behind their beginning; the logins that change."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"

DDL = """
-- A touch that says that its plan is over: what still waits of the plan is not needed any more.
alter table delivery.deliveries add column ends boolean not null default false;
create index deliveries_ends on delivery.deliveries (lead_id, sink, created_at) where ends;

-- An OAuth login whose refresh token is another after each use; both tokens are encrypted.
create table delivery.logins (
    -- hash of the token that an operator gave: another one begins anew
    given text primary key,
    refresh_token bytea not null,
    access_token bytea not null,
    expires_at timestamptz not null,
    changed_at timestamptz not null default clock_timestamp()
);
"""


def upgrade() -> None:
    op.execute(DDL)
