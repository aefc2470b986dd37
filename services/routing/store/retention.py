"""What ``handraise prune`` deletes of routing's tables.

The history of decisions, attempts and turns stay: ``explain``, ``recompute``, ``simulate`` and the
fairness ledger read them. Reports go by themselves.
"""

from __future__ import annotations

from services.runtime.pruning import Keep, Prunable, inbox_and_outbox

PRUNABLE = (
    *inbox_and_outbox("routing"),
    Prunable("routing.unmatched", Keep.BOOKKEEPING, "kept_until"),
)
