"""All SQL of enrichment. Callers hold a transaction; rows are locked in the order of lead ids."""

from services.enrichment.store.answers import answers, forget, keep
from services.enrichment.store.calls import (
    Began,
    Elsewhere,
    Kept,
    Order,
    Stopped,
    begin,
    end,
    skip,
)
from services.enrichment.store.companies import companies_of
from services.enrichment.store.jobs import (
    Claimed,
    NewJob,
    add_jobs,
    claim,
    count,
    due,
    give_back,
    leads_of,
    mark_published,
    next_deadline,
    open_jobs,
    postpone,
    remove,
)
from services.enrichment.store.leads import lock, peek, write

__all__ = [
    "Began",
    "Claimed",
    "Elsewhere",
    "Kept",
    "NewJob",
    "Order",
    "Stopped",
    "add_jobs",
    "answers",
    "begin",
    "claim",
    "companies_of",
    "count",
    "due",
    "end",
    "forget",
    "give_back",
    "keep",
    "leads_of",
    "lock",
    "mark_published",
    "next_deadline",
    "open_jobs",
    "peek",
    "postpone",
    "remove",
    "skip",
    "write",
]
