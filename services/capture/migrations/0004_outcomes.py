"""What routing said of submissions, for the browsers that made them."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"

DDL = """
-- A day's worth: whoever pressed the button asks within seconds. Holds nothing of the lead.
create table capture.outcomes (
    submission_id uuid primary key,
    sequence bigint not null,
    source text not null,
    first_name text,
    booking_url text,
    held_until timestamptz,
    stored_at timestamptz not null default now()
);
create index outcomes_by_age on capture.outcomes (stored_at);
"""


def upgrade() -> None:
    op.execute(DDL)
