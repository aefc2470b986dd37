"""What ``handraise prune`` deletes of routing's tables.

The history of decisions, attempts and turns stay: ``explain``, ``recompute``, ``simulate`` and the
fairness ledger read them. Reports go by themselves.
"""

from __future__ import annotations

from services.runtime import erasure
from services.runtime.pruning import Keep, Prunable, inbox_and_outbox

PRUNABLE = (
    *inbox_and_outbox("routing"),
    erasure.prunable("routing"),
    Prunable("routing.leads", Keep.REPEATS, "erased_at"),
    Prunable("routing.unmatched", Keep.BOOKKEEPING, "kept_until"),
)
