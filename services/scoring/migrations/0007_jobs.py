"""Computations that were asked for over HTTP, and what came of them."""

from __future__ import annotations

from alembic import op

from services.runtime.jobs_sql import table

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.execute(table("scoring"))
