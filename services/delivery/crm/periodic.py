"""Reads the CRMs of the configuration again and again; of several processes one reads each."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable
from typing import Final

import asyncpg
import structlog

from services.delivery.config import CrmSync, DeliveryFile, HubSpotSink, SalesforceSink
from services.delivery.crm.changes import OUTCOMES
from services.delivery.crm.model import Halted, Stream
from services.delivery.crm.sync import Crm, Sync
from services.delivery.sinks.registry import Registry, Unconfigured
from services.delivery.store import crm, sinks
from services.runtime.database import is_infrastructure
from services.runtime.logs import describe
from services.runtime.metrics import Metrics
from services.runtime.outside import Forbidden

log = structlog.get_logger(__name__)

_LOOK_S: Final = 0.5
_AT_ONCE: Final = 2
"""CRMs that are read at one time: each keeps a connection of the pool meanwhile."""
_SHOW_S: Final = 5.0
_BACK_OFF_S: Final = (5.0, 15.0, 60.0, 300.0, 600.0)

CrmSink = HubSpotSink | SalesforceSink


def streams(wanted: CrmSync) -> list[Stream]:
    """What is read; owners always, since companies and changes name them."""
    found = [Stream.OWNERS]
    if wanted.accounts:
        found.append(Stream.ACCOUNTS)
    return [*found, Stream.CHANGES] if wanted.changes else found


def counted_from_zero(metrics: Metrics, sink: str, read: Iterable[Stream]) -> None:
    """Prometheus sees an increase only from a first sample on: without one the first change that
    nobody follows, and the first reading that stops, would be told to nobody."""
    for stream in read:
        for counter in (metrics.crm_read, metrics.crm_read_ends, metrics.crm_halts):
            counter.labels(sink, stream.value)
    for outcome in OUTCOMES:
        metrics.crm_changes.labels(sink, outcome)


class Periodic:
    """One loop for each enabled CRM that has a ``sync``."""

    def __init__(
        self,
        config: Callable[[], DeliveryFile],
        registry: Registry,
        pool: asyncpg.Pool,
        sync: Sync,
        metrics: Metrics,
    ) -> None:
        self._config = config
        self._registry = registry
        self._pool = pool
        self._sync = sync
        self._metrics = metrics
        self._at_once = asyncio.Semaphore(_AT_ONCE)
        self._running: dict[str, tuple[CrmSink, asyncio.Task[None]]] = {}

    async def run(self) -> None:
        """Follow the configuration until cancelled."""
        shown = -_SHOW_S
        try:
            while True:
                await self._adjust()
                if (now := time.monotonic()) - shown >= _SHOW_S:
                    shown = now
                    await self._show()
                await asyncio.sleep(_LOOK_S)
        finally:
            for name in list(self._running):
                await self._end(name)
            await self._registry.close()

    async def _adjust(self) -> None:
        wanted = {
            name: sink
            for name, sink in self._config().sinks.items()
            if isinstance(sink, CrmSink) and sink.enabled and sink.sync is not None
        }
        for name, (sink, _) in list(self._running.items()):
            if wanted.get(name) != sink:
                await self._end(name)
        for name, sink in wanted.items():
            if name not in self._running:
                assert sink.sync is not None  # only those are wanted
                counted_from_zero(self._metrics, name, streams(sink.sync))
                task = asyncio.create_task(self._again_and_again(name, sink), name=f"crm.{name}")
                self._running[name] = (sink, task)

    async def _show(self) -> None:
        """How old what was read is; of the CRMs that are to be read, and no others."""
        age, period = self._metrics.crm_read_age, self._metrics.crm_read_period
        try:
            async with self._pool.acquire() as conn:
                ages = await crm.ages(conn)
        except Exception as error:
            if not is_infrastructure(error):
                raise
            return
        age.clear()
        period.clear()
        for name, (sink, _) in self._running.items():
            assert sink.sync is not None  # only those are run
            period.labels(name).set(sink.sync.every.total_seconds())
            for stream in streams(sink.sync):
                if (name, stream.value) in ages:
                    age.labels(name, stream.value).set(ages[name, stream.value])

    async def _end(self, name: str) -> None:
        _, task = self._running.pop(name)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    async def _again_and_again(self, name: str, sink: CrmSink) -> None:
        assert sink.sync is not None  # only those are run
        failures = 0
        while True:
            try:
                await self._once(name, sink, sink.sync)
                failures, wait = 0, sink.sync.every.total_seconds()
            except Exception as error:
                wait = _BACK_OFF_S[min(failures, len(_BACK_OFF_S) - 1)]
                failures += 1
                if isinstance(error, Halted) and error.after_s is not None:
                    wait = max(error.after_s, 1.0)
                self._say(name, error, wait)
            await asyncio.sleep(wait)

    async def _once(self, name: str, sink: CrmSink, wanted: CrmSync) -> None:
        reader = self._registry.reader(sink)
        async with self._at_once, self._pool.acquire() as conn:
            if await sinks.stopped(conn, name) is not None or not await crm.locked(conn, name):
                return
            try:
                await self._sync.run(Crm(name, sink.owner_ids, reader), streams(wanted))
            finally:
                with contextlib.suppress(Exception):  # a lost connection has given it up already
                    await crm.unlock(conn, name)

    def _say(self, name: str, error: Exception, wait: float) -> None:
        expected = isinstance(error, Halted | OSError | Forbidden | Unconfigured)
        told = {"reason": str(error)} if expected else describe(error)
        log.warning("crm.halted", sink=name, seconds=wait, **told)
