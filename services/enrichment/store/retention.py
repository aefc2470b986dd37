"""What ``handraise prune`` deletes of enrichment's tables.

Answers of providers go by themselves when they are not fresh any more, what is to come later when
nobody waits any more, the ledger after 400 days, and a job when nobody is left to be asked. What
is known of leads stays.
"""

from __future__ import annotations

from services.runtime import erasure
from services.runtime.pruning import Keep, Prunable, inbox_and_outbox

PRUNABLE = (
    *inbox_and_outbox("enrichment"),
    erasure.prunable("enrichment"),
    Prunable("enrichment.revisions", Keep.STORIES, "at"),
)
