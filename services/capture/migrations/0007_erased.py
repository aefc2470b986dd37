"""Which leads were erased: older events of theirs are dropped."""

from __future__ import annotations

from alembic import op

from services.runtime import erasure

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.execute(erasure.tables("capture"))
