"""What ``handraise prune`` deletes of delivery's tables.

Who has which lead, where its messages lie and who wants to hear nothing more stays.
"""

from __future__ import annotations

from services.runtime import erasure
from services.runtime.pruning import Keep, Prunable, inbox_and_outbox

# What waits looks back at what ended: at the end of its plan, at what may have reached a CRM since
# the last that certainly did. So a delivery that arrived goes after those before it that did not.
_NOT_LOOKED_AT = """
not exists (
    select from delivery.deliveries o
    where o.lead_id = t.lead_id and o.sink = t.sink
      and (o.state = 'waiting' or t.state = 'delivered' and o.state <> 'delivered'
                                  and o.sequence < t.sequence))
"""
# Late answers and changes in a CRM are about an attempt that somebody may still have.
_OVER = """
not exists (
    select from delivery.current c where c.assignment_id = t.assignment_id and c.active)
"""

PRUNABLE = (
    *inbox_and_outbox("delivery"),
    erasure.prunable("delivery"),
    Prunable(
        "delivery.attempts",
        Keep.BOOKKEEPING,
        "at",
        "not exists (select from delivery.deliveries d"
        " where d.delivery_id = t.delivery_id and d.state = 'waiting')",
    ),
    Prunable(
        "delivery.deliveries",
        Keep.BOOKKEEPING,
        "done_at",
        f"t.state <> 'waiting' and {_NOT_LOOKED_AT} and {_OVER}",
    ),
    Prunable("delivery.crm_changes", Keep.BOOKKEEPING, "seen_at", _OVER),
    Prunable("delivery.late_answers", Keep.STORIES, "at"),
)
