"""Turns keep who shared a lead and by what weights, in columns; the shares follow from them."""

from __future__ import annotations

from alembic import op

revision = "0015"
down_revision = "0014"

# Shares add up to one lead exactly, so as weights they give the same shares again.
DDL = """
update routing.attempts a
set turn = (turn - 'shares') || (
    select jsonb_build_object('members', jsonb_agg(key order by key collate "C"),
                              'weights', jsonb_agg(value order by key collate "C"))
    from jsonb_each(a.turn->'shares'))
where turn ? 'shares';
"""


def upgrade() -> None:
    op.execute(DDL)
