"""Fires clocks when their time is up, opens the leads of the night; any number of processes.

A clock fires only when everything that was told before its deadline has been handled, on the
database's time. Which process fires it is decided by the row lock of its lead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable
from datetime import timedelta
from typing import Final, cast

import asyncpg
import structlog

from services.response.clocks import started
from services.response.events import outputs
from services.response.feed import silent
from services.response.firing import decide
from services.response.handlers import Activities
from services.response.measures import Meters
from services.response.model import Change, Lead, Phase
from services.response.policy import Policy
from services.response.progress import NEVER
from services.response.store import due, feeds, leads
from services.response.store.due import LATE, Horizon
from services.response.store.leads import Key
from services.response.terms import Terms
from services.runtime.configstore import LiveConfig, Versioned
from services.runtime.database import Connection, is_infrastructure
from services.runtime.outbox import Outbox
from services.runtime.records import Output

PERIOD_S: Final = 0.2
AT_ONCE: Final = 200
"""Leads of one transaction."""
OVERDUE_PER_S: Final = 50
"""Leads with clocks that came due while nobody fired: in their order, no storm."""
TRY_AGAIN: Final = timedelta(seconds=30)
"""How long a suspended clock waits before it looks at the feed again."""
_GAUGES_S: Final = 5.0
_WAITING_S: Final = 10.0
_WAITING_AT_ONCE: Final = 500

log = structlog.get_logger(__name__)


class Timer:
    """The background task."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        outbox: Outbox,
        config: LiveConfig[Policy],
        meters: Meters,
        activities: Activities,
        scale: float,
    ) -> None:
        self._pool = pool
        self._outbox = outbox
        self._config = config
        self._meters = meters
        self._activities = activities
        self._scale = scale

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._every(PERIOD_S, self.look))
            group.create_task(self._every(1.0, self.overdue))
            group.create_task(self._every(_GAUGES_S, self.show))
            group.create_task(self._every(_WAITING_S, self.match))

    async def look(self) -> int:
        """See in one statement whether anything is due now, and do what is; how many leads."""
        async with self._pool.acquire() as connection:
            found = await due.look(connection)
        done = await self.fresh() if found.fresh else 0
        return done + (await self.opening() if found.opening else 0)

    async def fresh(self) -> int:
        """Fire what became due within the last minute; how many leads."""
        return await self._fire_all(LATE, timedelta(), AT_ONCE)

    async def overdue(self) -> int:
        """Fire some of what is later, in order; how many leads."""
        return await self._fire_once(None, LATE, OVERDUE_PER_S)

    async def opening(self) -> int:
        """Start the clocks of leads of the night whose turn it is; how many leads."""
        async with self._pool.acquire() as proxy, proxy.transaction():
            connection = cast(asyncpg.Connection, proxy)
            horizon = await due.horizon(connection)
            if horizon.read_until is None:
                return 0
            config = await self._config.locked(connection)
            limit = config.value.hot_at_once
            keys = await due.opening(connection, horizon.read_until, limit, AT_ONCE)
            locked = await leads.lock_free(connection, keys) if keys else {}
            # Found before it was locked: who was touched or moved on meanwhile waits for nothing.
            queued = [lead for lead in locked.values() if lead.phase is Phase.QUEUED]
            terms = await self._terms(connection, config, queued)
            changes = [started(lead, horizon.now, terms) for lead in queued]
            await leads.save(connection, changes, horizon.now)
        return len(changes)

    async def show(self) -> int:
        """Set the gauges."""
        async with self._pool.acquire() as connection:
            self._meters.show(await due.gauges(connection))
        return 0

    async def match(self) -> int:
        """Look once more at activities that wait for their lead."""
        await self._activities.again(self._pool, _WAITING_AT_ONCE)
        return 0

    # -- firing ------------------------------------------------------------------------------
    async def _fire_all(self, oldest: timedelta, newest: timedelta, limit: int) -> int:
        total = 0
        while (found := await self._fire_once(oldest, newest, limit)) > 0:
            total += found
            if found < limit // 2:
                break
        return total

    async def _fire_once(self, oldest: timedelta | None, newest: timedelta, limit: int) -> int:
        """Fire clocks that are between so much and so much late; how many leads."""
        async with self._pool.acquire() as proxy, proxy.transaction():
            connection = cast(asyncpg.Connection, proxy)
            horizon = await due.horizon(connection)
            if horizon.read_until is None:
                return 0
            after = NEVER if oldest is None else horizon.now - oldest
            until = min(horizon.read_until, horizon.now - newest)
            keys = await due.due(connection, after, until, limit) if after < until else []
            if not keys:
                return 0
            config = await self._config.locked(connection)
            made, changes = await self._fire(connection, config, keys, horizon)
        await self._outbox.release(made)
        self._meters.observe(one for change in changes for one in change.measured)
        return len(keys)

    async def _fire(
        self,
        connection: asyncpg.Connection,
        config: Versioned[Policy],
        keys: Collection[Key],
        horizon: Horizon,
    ) -> tuple[list[Output], list[Change]]:
        locked = await leads.lock_free(connection, keys)
        clocks = await leads.running(connection, locked)
        terms = await self._terms(connection, config, locked.values())
        feed_at = await feeds.feed(connection)
        assert horizon.read_until is not None  # else nothing was due
        decided = [
            decide(
                lead,
                clocks.get(key, ()),
                horizon.read_until,
                horizon.now,
                terms.policy,
                silent=silent(terms, lead, feed_at, horizon.now),
            )
            for key, lead in locked.items()
        ]
        decided.sort(key=lambda one: one.since)  # who waited longest is asked for first
        changes = [one.change for one in decided]
        spent = [clock for one in decided for clock in one.spent]
        held = [clock.clock_id for one in decided for clock in one.suspended]
        await leads.save(connection, changes, horizon.now, [clock.clock_id for clock in spent])
        if held:
            await due.suspend(connection, held, horizon.now + TRY_AGAIN)
        made = [out for change in changes for out in outputs(change, horizon.now)]
        for clock in spent:
            self._meters.late((horizon.now - clock.due_at).total_seconds())
        return await self._outbox.store(connection, made), changes

    async def _terms(
        self, connection: Connection, config: Versioned[Policy], found: Iterable[Lead]
    ) -> Terms:
        reps = {lead.rep_id for lead in found if lead.rep_id is not None}
        people = await feeds.hours(connection, reps)
        return Terms(config.value, config.version, people, self._scale)

    async def _every(self, seconds: float, work: Callable[[], Awaitable[int]]) -> None:
        while True:
            try:
                await work()
            except Exception as error:
                if not is_infrastructure(error):
                    raise
                log.info("timer.waiting", waiting_for="postgres", error=type(error).__name__)
            await asyncio.sleep(seconds)
