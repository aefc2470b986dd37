"""What ``handraise prune`` deletes of response's tables.

Activities that were told early go by themselves. Leads, and their clocks while they run, stay.
"""

from __future__ import annotations

from services.runtime import erasure
from services.runtime.pruning import Keep, Prunable, inbox_and_outbox

PRUNABLE = (
    *inbox_and_outbox("response"),
    erasure.prunable("response"),
    Prunable("response.clocks", Keep.BOOKKEEPING, "ended_at", "t.state <> 'running'"),
    Prunable("response.unmatched", Keep.BOOKKEEPING, "at", "t.waits_until < $1"),
    Prunable("response.history", Keep.STORIES, "at"),
)
