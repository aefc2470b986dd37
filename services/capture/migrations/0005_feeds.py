"""When each feed told us anything for the last time."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"

DDL = """
-- A restart must not make a silent feed look fresh: one row a feed, written by all processes.
create table capture.feeds (
    source text primary key,
    known_since timestamptz not null default now(),
    last_event_at timestamptz
);
"""


def upgrade() -> None:
    op.execute(DDL)
