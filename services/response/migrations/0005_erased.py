"""Which leads were erased: older events of theirs are dropped."""

from __future__ import annotations

from alembic import op

from services.runtime import erasure

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.execute(erasure.tables("response"))
