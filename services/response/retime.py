"""Compute the running clocks anew, by the active configuration: only where a person asks for it."""

from __future__ import annotations

from dataclasses import replace

import asyncpg

from schemas.base import deterministic_id
from services.response.clocks import PERSONAL, started
from services.response.config import parse
from services.response.model import Change, Phase
from services.response.store import due, feeds, leads
from services.response.terms import Terms
from services.runtime.configstore import ConfigStore
from services.runtime.database import prepare

AT_ONCE = 500


async def retime(
    connection: asyncpg.Connection, pool: str | None, tier: str | None, scale: float
) -> int:
    """Give every untouched lead of a pool and tier the deadlines of today's settings; how many.

    They count from when the rep got the lead, so one that lies in the past by now fires at once. A
    clock that has fired does not fire again.
    """
    await prepare(connection)
    version, files = await ConfigStore().active(connection)
    policy = parse(files)
    total = 0
    keys = await due.untouched(connection, pool, tier)
    for first in range(0, len(keys), AT_ONCE):
        async with connection.transaction():
            found = await leads.lock_free(connection, keys[first : first + AT_ONCE])
            # Touched, or with somebody else, since the keys were read: not to be started again.
            locked = {key: lead for key, lead in found.items() if lead.phase is Phase.RUNNING}
            now = await feeds.database_time(connection)
            reps = {lead.rep_id for lead in locked.values() if lead.rep_id is not None}
            people = await feeds.hours(connection, reps)
            terms = Terms(policy, version, people, scale)
            running = await leads.running(connection, locked)
            changes = []
            for key, lead in locked.items():
                kinds = {clock.kind for clock in running.get(key, ())} & PERSONAL
                anew = started(replace(lead, escalates_at=None), lead.given_at or now, terms)
                kept = tuple(
                    replace(one, clock_id=deterministic_id(one.clock_id, now.isoformat()))
                    for one in anew.start
                    if one.kind in kinds
                )
                changes.append(Change(lead, stop=PERSONAL).then(replace(anew, start=kept)))
            await leads.save(connection, changes, now)
            total += len(changes)
    return total
