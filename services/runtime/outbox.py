"""Decisions and the events that tell of them, stored in one transaction, published right after.

A stage that decides in Postgres claims each input in its ``inbox`` and stores the bytes of its
outputs in its ``outbox`` in the deciding transaction. Publishing follows the commit; marking a row
as published is off the hot path; a sweep publishes what a dead process left behind. An input that
comes again gets the rows that it caused, byte for byte, and never a second decision.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar, cast
from uuid import UUID

import asyncpg
import structlog
from aiokafka.errors import KafkaError

from schemas.base import Event
from schemas.erasure import lead_of
from services.runtime import erasure, repeats
from services.runtime import outbox_sql as sql
from services.runtime.database import Connection, beginning, is_infrastructure
from services.runtime.metrics import Metrics
from services.runtime.outbox_first import DecideFirst, First, tried
from services.runtime.outbox_sql import Write, tables
from services.runtime.producer import check_sizes
from services.runtime.records import Output, Record

__all__ = ["Decide", "DecideFirst", "Decided", "First", "Outbox", "Write", "tables"]

E = TypeVar("E", bound=Event)


@dataclass(frozen=True, slots=True)
class Decided:
    """Decisions whose last statement travels with the outbox's insert."""

    outputs: Mapping[UUID, Sequence[Output]]
    write: Write | None = None


Decide = Callable[
    [asyncpg.Connection, Sequence[Record[E]]],
    Awaitable[Mapping[UUID, Sequence[Output]] | Decided],
]
"""Input id -> its outputs, maybe none; runs inside the transaction, sees fresh records only."""
Publish = Callable[[Sequence[Output]], Awaitable[None]]

log = structlog.get_logger(__name__)

MARK_PERIOD_S: Final = 0.25
SWEEP_PERIOD_S: Final = 1.0
SWEEP_AGE_S: Final = 1.0
"""A row this old should have been published by whoever wrote it."""
SWEEP_ROWS: Final = 500
_MOST_BACK_OFF_S: Final = 30.0


class Outbox:
    """The inbox and outbox of one Postgres schema, as used by one lane of a process."""

    def __init__(self, schema: str, pool: asyncpg.Pool, publish: Publish, metrics: Metrics) -> None:
        self._schema = schema
        self._sql = sql.statements(schema)
        self._pool = pool
        self._publish = publish
        self._unpublished = metrics.outbox_unpublished.labels(schema)
        self._erased = metrics.erased_records.labels(schema)
        self._published: list[tuple[int, int]] = []
        self._compacted = False
        """Whether any of them lies on a compacted topic, where the order of records counts."""
        self._run = 0
        self._to_mark = asyncio.Event()

    # -- deciding ----------------------------------------------------------------------------
    async def process(
        self, records: Sequence[Record[E]], decide: Decide[E], first: DecideFirst[E] | None = None
    ) -> list[Output]:
        """Decide the fresh records and give the outputs of all, in record order.

        One transaction. A record that was decided before, here or elsewhere, gives its stored
        rows; one that stands in the batch twice is decided, and published, once.

        :param first: tried before it, for a few records: what is decided where nothing is known.

        :raises OutputTooLarge: before anything is stored.
        :raises BadRecords: of records that are older than repeats are known (``too_old``).
        """
        by_id = {record.id: record for record in records}
        if first is not None:
            at_once = await tried(self._pool, self._schema, list(by_id.values()), first)
            if at_once is not None:
                return [out for input_id in by_id for out in at_once[input_id]]
        async with self._claiming(by_id) as (connection, fresh, erased):
            outputs: dict[UUID, list[Output]] = {}
            if fresh:
                new = [record for record in by_id.values() if record.id in fresh]
                await repeats.refuse_forgotten(connection, self._schema, new)
                gone = erasure.older(new, erased)
                rest = [record for record in new if record.id not in gone] if gone else new
                decided = await decide(connection, rest) if rest else {}
                if not isinstance(decided, Decided):
                    decided = Decided(decided)
                if strangers := decided.outputs.keys() - fresh:
                    raise ValueError(f"{len(strangers)} decisions about inputs that are not fresh")
                made = {**decided.outputs, **self._dropped(gone)} if gone else decided.outputs
                outputs = await self._store(connection, made, decided.write)
            if len(fresh) < len(by_id):
                known = [input_id for input_id in by_id if input_id not in fresh]
                outputs.update(await self._stored(connection, known))
        return [out for input_id in by_id for out in outputs.get(input_id, ())]

    async def store(
        self,
        connection: Connection,
        outputs: Sequence[Output],
        cause: UUID | None = None,
        write: Write | None = None,
    ) -> list[Output]:
        """Store within the caller's transaction, for what no record triggers (HTTP, timers).

        Give the result to :meth:`release` right after the commit.

        :param write: what else is stored, in the same round trip.
        """
        stored = await self._store(connection, {cause: outputs}, write)
        return stored.get(cause, [])

    async def release(self, outputs: Sequence[Output]) -> None:
        """Publish what :meth:`store` gave, now that it is committed; never raises for Kafka.

        A failure is left to the sweep: the decision stands, its events are only late.
        """
        if not outputs:
            return
        try:
            await self._publish(outputs)
        except (KafkaError, OSError) as error:
            log.warning("outbox.left_to_sweep", rows=len(outputs), error=type(error).__name__)
        else:
            self.acknowledged(outputs)

    def acknowledged(self, outputs: Sequence[Output]) -> None:
        """The broker has these; their rows are marked soon. For ``StageSpec.on_acknowledged``."""
        latest = 0
        self._run += 1
        for out in outputs:
            if out.row is not None:
                if out.row < latest:  # inputs that came again need not come in their first order
                    self._run += 1
                latest = out.row
                self._published.append((out.row, self._run))
                self._compacted |= sql.compacted(out.topic)
        self._to_mark.set()

    @contextlib.asynccontextmanager
    async def _claiming(
        self, inputs: Mapping[UUID, Record[Any]]
    ) -> AsyncIterator[tuple[asyncpg.Connection, set[UUID], dict[UUID, datetime]]]:
        """The deciding transaction, with those of the inputs that it claimed, and when leads were
        erased that they are about."""
        about = {lead_of(record.event) for record in inputs.values()}
        leads = [lead for lead in about if lead is not None]
        claim = sql.claim_of(self._sql, inputs, leads)
        async with self._pool.acquire() as proxy, beginning(proxy, claim) as claimed:
            fresh, erased = set(inputs), dict[UUID, datetime]()
            if claimed < len(fresh):
                rows = await proxy.fetch(self._sql.claimed, sorted(fresh), leads)
                fresh = {row["id"] for row in rows if row["erased_at"] is None}
                erased = {row["id"]: at for row in rows if (at := row["erased_at"]) is not None}
            yield cast(asyncpg.Connection, proxy), fresh, erased  # the proxy has all that it has

    @contextlib.asynccontextmanager
    async def _transaction(self) -> AsyncIterator[asyncpg.Connection]:
        async with self._pool.acquire() as proxy, proxy.transaction():
            yield cast(asyncpg.Connection, proxy)

    # -- rows --------------------------------------------------------------------------------
    def _dropped(self, gone: Mapping[UUID, Record[Any]]) -> dict[UUID, list[Output]]:
        self._erased.inc(len(gone))
        return {
            id_: erasure.end_of(record.event, record.topic, self._schema)
            for id_, record in gone.items()
        }

    async def _store(
        self,
        connection: Connection,
        decided: Mapping[Any, Sequence[Output]],
        write: Write | None = None,
    ) -> dict[Any, list[Output]]:
        flat = sql.flat(decided)
        check_sizes([out for _, _, out in flat])
        if not flat:
            if write is not None:
                await connection.execute(write.alone, *write.arguments)
            return {}
        insert, arguments = self._sql.insert, sql.columns(flat)
        if write is not None:
            insert = sql.joined(write.ctes, len(write.arguments), insert)
            arguments = (*write.arguments, *arguments)
        return sql.kept(flat, await connection.fetch(insert, *arguments))

    async def _stored(
        self, connection: asyncpg.Connection, causes: Sequence[UUID]
    ) -> dict[UUID, list[Output]]:
        found: dict[UUID, list[Output]] = {}
        for row in await connection.fetch(self._sql.caused_by, causes):
            found.setdefault(row["input_id"], []).append(sql.to_output(row))
        return found

    # -- background --------------------------------------------------------------------------
    async def run(self) -> None:
        """Mark what was published and sweep up what was not, until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._mark_loop())
                group.create_task(self._sweep_loop())
        finally:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(1.0):
                    await self.mark()

    async def mark(self) -> None:
        """Mark the rows whose publication was acknowledged since the last call."""
        rows, self._published = self._published, []
        compacted, self._compacted = self._compacted, False
        if not rows:
            return
        try:
            ids, runs = [row for row, _ in rows], [run for _, run in rows]
            if not compacted:
                await self._pool.execute(self._sql.mark, ids)
                return
            async with self._transaction() as connection:
                await connection.execute(self._sql.mark, ids)
                # After the marks, in a statement of its own: it must see those of others, too.
                await connection.execute(self._sql.unmark_overtaken, ids, runs)
        except BaseException:
            self._published[:0] = rows
            self._compacted |= compacted
            raise

    async def sweep(self) -> int:
        """Publish rows that nobody published within a second; how many there were."""
        async with self._transaction() as connection:
            rows = await connection.fetch(self._sql.sweep, SWEEP_AGE_S, SWEEP_ROWS)
            if not rows:
                return 0
            # A row of a compacted topic stands for its key: only the newest may be the last.
            compacted = [row["id"] for row in rows if row["compacted"]]
            newest = await connection.fetch(self._sql.newest, compacted) if compacted else []
            again = {row["id"]: row for row in (*rows, *newest)}
            await self._publish([sql.to_output(again[row]) for row in sorted(again)])
            await connection.execute(self._sql.mark, list(again))
        log.info("outbox.swept", rows=len(rows))
        return len(rows)

    async def _overdue(self) -> bool:
        """Whether there is anything to sweep; shows how many rows are unpublished."""
        row = await self._pool.fetchrow(self._sql.count, SWEEP_AGE_S)
        assert row is not None
        self._unpublished.set(row["unpublished"])
        return bool(row["overdue"])

    async def _mark_loop(self) -> None:
        while True:
            await self._to_mark.wait()
            self._to_mark.clear()
            await asyncio.sleep(MARK_PERIOD_S)
            try:
                await self.mark()
            except Exception as error:
                if not is_infrastructure(error):
                    raise
                self._to_mark.set()  # the rows are kept; the next round tries again

    async def _sweep_loop(self) -> None:
        failures = 0
        while True:
            await asyncio.sleep(min(SWEEP_PERIOD_S * 2**failures, _MOST_BACK_OFF_S))
            try:
                if await self._overdue():
                    while await self.sweep() == SWEEP_ROWS:
                        pass
                    await self._overdue()
                failures = 0
            except Exception as error:
                if not (is_infrastructure(error) or isinstance(error, KafkaError)):
                    raise
                failures = min(failures + 1, 5)
                log.warning("outbox.sweep_failed", error=type(error).__name__)
