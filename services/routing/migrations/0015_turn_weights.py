"""Turns keep the weights of those who shared a lead; the shares follow from them."""

from __future__ import annotations

from alembic import op

revision = "0015"
down_revision = "0014"

# Shares add up to one lead exactly, so as weights they give the same shares again.
DDL = """
update routing.attempts
set turn = (turn - 'shares') || jsonb_build_object('weights', turn->'shares')
where turn ? 'shares';
"""


def upgrade() -> None:
    op.execute(DDL)
