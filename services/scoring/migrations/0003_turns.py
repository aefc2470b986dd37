"""Prospects who wait for a turn of their pool's daily drip."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"

DDL = """
alter table scoring.leads
    -- whose drip it waits for, and what ranks it there; null: it waits for none
    add column turn_pool text,
    add column turn_signals integer,
    add column turn_total integer,
    add column turn_since timestamptz,
    -- its turn, once and for ever
    add column released_at timestamptz,
    add column released_pool text;
create index leads_waiting_for_turn on scoring.leads
    (turn_pool, turn_signals desc, turn_total desc, turn_since)
    where turn_pool is not null and released_at is null;
create index leads_released on scoring.leads (released_pool, released_at)
    where released_at is not null;

-- For `scoring drip`: read by cli and pipeline only.
create view scoring.drip as
select lead_id, account_key, coalesce(released_pool, turn_pool) as pool, turn_signals as signals,
       turn_total as total, turn_since as since, released_at
from scoring.leads where turn_pool is not null or released_at is not null;
"""


def upgrade() -> None:
    op.execute(DDL)
