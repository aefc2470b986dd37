"""From the spool to Kafka, live before bulk, beside live traffic and not in its way.

A row is deleted (with the in-process broker: put off) only after the broker's acknowledgement, in
the transaction that holds its lock. Killed at any point, the relay repeats a record under the same
id, which the consumer recognises, and loses none.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Final

import asyncpg
import structlog

from schemas.base import Lane
from services.capture.kafka_gate import KafkaDown, KafkaGate
from services.capture.spool import LOOK_AGAIN, Spool
from services.capture.store import spool as store
from services.runtime.database import is_infrastructure
from services.runtime.metrics import Metrics
from services.runtime.records import Output

log = structlog.get_logger(__name__)

RATE_PER_S: Final = 500
BATCH: Final = 50
POLL_S: Final = 1.0
_PUBLISH_TIMEOUT_S: Final = 5.0


class Relay:
    """Publishes what is due in the spool."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        spool: Spool,
        gates: Mapping[Lane, KafkaGate],
        metrics: Metrics,
    ) -> None:
        self._pool = pool
        self._spool = spool
        self._gates = gates
        self._metrics = metrics
        self._fresh: dict[Lane, list[Output]] = {lane: [] for lane in Lane}
        self._handed = asyncio.Event()

    def hand_over(self, lane: Lane, output: Output) -> None:
        """Publish a row that was just stored; where that fails it is due again in ten seconds."""
        self._fresh[lane].append(output)
        self._handed.set()

    async def run(self) -> None:
        """Relay what is due, for ever."""
        while True:
            try:
                # One statement, not a transaction for each lane: nearly always nothing is due.
                unfinished, due = await store.count_open(self._pool)
                self._metrics.spool_rows.set(unfinished)
                moved = await self.step() if due else 0
                if moved == 0:
                    await self._spool.forget()
            except (KafkaDown, Exception) as error:
                if not isinstance(error, KafkaDown) and not is_infrastructure(error):
                    raise
                moved = 0
            if moved == 0:
                self._spool.woken.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._spool.woken.wait(), POLL_S)

    async def courier(self) -> None:
        """Publish what is handed over, whatever there is at once, for ever."""
        while True:
            await self._handed.wait()
            self._handed.clear()
            for lane in Lane:
                outputs, self._fresh[lane] = self._fresh[lane], []
                if outputs:
                    with contextlib.suppress(KafkaDown):
                        await self._gates[lane].publish(outputs, _PUBLISH_TIMEOUT_S)

    async def step(self) -> int:
        """Relay one batch of the first lane that has any; how many rows there were.

        :raises KafkaDown: nothing was deleted.
        """
        for lane in (Lane.LIVE, Lane.BULK):
            if not self._gates[lane].up:
                continue
            began = asyncio.get_running_loop().time()
            moved = await self._move(lane)
            if moved:
                spent = asyncio.get_running_loop().time() - began
                await asyncio.sleep(max(moved / RATE_PER_S - spent, 0))
                return moved
        return 0

    async def _move(self, lane: Lane) -> int:
        async with self._pool.acquire() as conn, conn.transaction():
            rows = await store.due(conn, lane, BATCH)
            if not rows:
                return 0
            await self._gates[lane].publish([row.output for row in rows], _PUBLISH_TIMEOUT_S)
            ids = [row.id for row in rows]
            if self._spool.first:
                await store.postpone(conn, ids, LOOK_AGAIN)
            else:
                await store.delete(conn, ids)
        log.info("spool.relayed", lane=lane.value, rows=len(rows))
        return len(rows)
