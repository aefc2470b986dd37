"""Stores what was settled, and hands its revisions to the outbox."""

from __future__ import annotations

from services.enrichment import store
from services.enrichment.publish import to_output
from services.enrichment.settle import Settled
from services.runtime.database import Connection
from services.runtime.outbox import Outbox
from services.runtime.records import Output


async def stored(conn: Connection, outbox: Outbox, found: Settled) -> list[Output]:
    """Inside the transaction that locked the leads; what to release after its commit."""
    if found.published:
        await store.mark_published(conn, found.published)
    if found.done:
        await store.remove(conn, found.done)
    if not (found.states or found.revisions):
        return []
    outputs = [to_output(revision, job.traceparent) for job, revision in found.revisions]
    revisions = [(job.input_id, revision) for job, revision in found.revisions]
    write = store.write(found.states.values(), revisions)
    return await outbox.store(conn, outputs, write=write)
