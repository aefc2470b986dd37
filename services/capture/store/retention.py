"""What ``handraise prune`` deletes of capture's tables.

What services delete by themselves is not here: outcomes for browsers, mail domains, unverified
requests, spooled rows that have no end. Leads, identities and touches stay.
"""

from __future__ import annotations

from services.runtime import erasure
from services.runtime.pruning import Keep, Prunable, inbox_and_outbox

PRUNABLE = (
    *inbox_and_outbox("capture"),
    erasure.prunable("capture"),
    # By their ids a record that comes again knows whether its person was read already.
    Prunable("capture.fetches", Keep.REPEATS, "created_at", "t.ended_at < $1"),
    # A repeat is judged by when it was received, and may have waited on its topic since.
    Prunable("capture.deliveries", Keep.DELIVERY_KEYS, "expires_at"),
    # What was released is asked for when its submission arrives.
    Prunable(
        "capture.quarantine",
        Keep.QUARANTINE,
        "created_at",
        "(t.released_at is null or t.released_at < $1)",
    ),
    Prunable("capture.spool", Keep.BOOKKEEPING, "ended_at"),
)
