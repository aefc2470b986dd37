"""Stores what was settled, and hands its revisions to the outbox."""

from __future__ import annotations

from typing import cast

import asyncpg

from services.enrichment import store
from services.enrichment.publish import to_output
from services.enrichment.settle import Settled
from services.runtime.database import Connection
from services.runtime.outbox import Outbox
from services.runtime.records import Output


async def stored(conn: Connection, outbox: Outbox, found: Settled) -> list[Output]:
    """Inside the transaction that locked the leads; what to release after its commit."""
    if found.states or found.revisions:
        revisions = [(job.input_id, revision) for job, revision in found.revisions]
        await store.write(conn, found.states.values(), revisions)
    if found.published:
        await store.mark_published(conn, found.published)
    if found.done:
        await store.remove(conn, found.done)
    outputs = [to_output(revision, job.traceparent) for job, revision in found.revisions]
    # The pool's proxy has all that a connection has.
    return await outbox.store(cast(asyncpg.Connection, conn), outputs) if outputs else []
