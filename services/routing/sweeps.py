"""Each minute: close what is idle, try activities again, prove that no lead is stranded."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import timedelta
from typing import Final, cast

import asyncpg
import structlog

from schemas.base import RoleName
from services.routing.board import Board
from services.routing.deciding import Clock, decide_with
from services.routing.events import outputs
from services.routing.happening import idle
from services.routing.model import Change
from services.routing.plan import Plan
from services.routing.store import sweeps as store
from services.routing.store.sweeps import Idle, Stranded
from services.runtime.configstore import LiveConfig
from services.runtime.metrics import Metrics
from services.runtime.outbox import Outbox

log = structlog.get_logger(__name__)

PERIOD_S: Final = 60.0
STAGE: Final = "routing.sweeps"
OVERDUE: Final = timedelta(minutes=2)
"""A hold is tried each second from the moment it is due."""
_LOOKED_BACK: Final = timedelta(days=1)
_MANY: Final = 100


class Sweeps:
    """The background task; any number of processes may run one."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        outbox: Outbox,
        config: LiveConfig[Plan],
        clock: Clock,
        metrics: Metrics,
        again: Callable[[], Awaitable[int]],
    ) -> None:
        """:param again: tries activities that wait for their lead."""
        self._pool = pool
        self._outbox = outbox
        self._config = config
        self._clock = clock
        self._metrics = metrics
        self._again = again

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            await self.once()
            await asyncio.sleep(PERIOD_S)

    async def once(self) -> Stranded:
        """One pass."""
        await self._again()
        while await self.close_idle() == _MANY:
            pass
        return await self.prove()

    async def close_idle(self) -> int:
        """Close attempts about which nothing happened for too long; how many were looked at."""
        after = self._config.current.value.idle_after
        async with self._pool.acquire() as proxy, proxy.transaction():
            connection = cast(asyncpg.Connection, proxy)
            found = await store.idle(connection, self._clock() - after, _MANY)
            if not found:
                return 0
            config = await self._config.locked(connection)
            changes: list[Change] = []
            for role in RoleName:
                mine = [one for one in found if one.role == role.value]
                if mine:
                    scope = store.scope_of(mine)
                    changes += await decide_with(
                        connection, config, self._clock, scope, _closing(mine), role
                    )
            made = await self._outbox.store(
                connection, outputs(config.value, changes, cause=None, stage=STAGE)
            )
        await self._outbox.release(made)
        return len(changes)

    async def prove(self) -> Stranded:
        """Count stranded leads into the metric; anything but 0 is logged."""
        plan, now = self._config.current.value, self._clock()
        working = [rep.id for rep in plan.teams.reps if rep.active]
        async with self._pool.acquire() as connection:
            found = await store.stranded(connection, now - OVERDUE, now - _LOOKED_BACK, working)
        for reason, count in asdict(found).items():
            self._metrics.stranded.labels(reason).set(count)
        if any(asdict(found).values()):
            log.warning("routing.stranded", **asdict(found))
        return found


def _closing(found: list[Idle]) -> Callable[[Board], list[Change]]:
    def work(board: Board) -> list[Change]:
        after = board.plan.idle_after
        return [change for one in found for change in idle(board, one.lead_id, after)]

    return work
