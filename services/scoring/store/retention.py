"""What ``handraise prune`` deletes of scoring's tables.

Scores with their ledgers and facts stay, and what they were made from: simulations and learning
read them.
"""

from __future__ import annotations

from services.runtime import erasure
from services.runtime.pruning import Keep, Prunable, inbox_and_outbox

PRUNABLE = (
    *inbox_and_outbox("scoring"),
    erasure.prunable("scoring"),
    # Nobody was found whom they were about while they waited.
    Prunable(
        "scoring.activities",
        Keep.BOOKKEEPING,
        "waits_until",
        "t.lead_id is null and t.account_key is null",
    ),
)
