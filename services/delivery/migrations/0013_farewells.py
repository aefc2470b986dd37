"""Sinks that were told of a person are told that they are forgotten."""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"

DDL = """
-- The last that a sink hears of a lead: its event says nothing of the person any more.
alter table delivery.deliveries
    add column farewell boolean not null default false,
    -- where the message lies that is to be changed
    add column place text;
"""


def upgrade() -> None:
    op.execute(DDL)
