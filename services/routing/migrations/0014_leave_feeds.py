"""Calendars that are read by themselves: how the last reading of each went."""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"

DDL = """
create table routing.leave_feeds (
    rep_id text primary key,
    due_at timestamptz not null default now(),
    -- Of what the last whole reading was: an address is a secret, so only its hash is kept.
    address text,
    etag text,
    modified text,
    days text,
    checked_at timestamptz,
    read_at timestamptz,
    failing_since timestamptz,
    error text
);
"""


def upgrade() -> None:
    op.execute(DDL)
