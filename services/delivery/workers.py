"""One worker per enabled sink of the present configuration; the others are not disturbed by a
change of one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

import structlog

from services.delivery.config import DeliveryFile
from services.delivery.config import Sink as SinkConfig
from services.delivery.sinks.registry import Registry, Unconfigured
from services.delivery.store import deliveries, sinks
from services.delivery.worker import Parts, Worker
from services.runtime.database import is_infrastructure
from services.runtime.logs import describe

log = structlog.get_logger(__name__)

_LOOK_S: Final = 0.5
_MEASURE_S: Final = 5.0
"""What waits is counted as often as Prometheus asks; a sink that is away may have many rows."""
_RESTART_S: Final = 1.0


class Workers:
    """Starts and stops workers as the configuration says."""

    def __init__(
        self, config: Callable[[], DeliveryFile], registry: Registry, parts: Parts
    ) -> None:
        self._config = config
        self._registry = registry
        self._parts = parts
        self._running: dict[str, tuple[SinkConfig, Worker, asyncio.Task[None]]] = {}
        self._unconfigured: set[str] = set()

    def wake(self) -> None:
        """Something was stored for some sink."""
        for _, worker, _ in self._running.values():
            worker.wake()

    async def run(self) -> None:
        """Until cancelled; then every worker gives its leases back and connections are closed."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._measure_now_and_then())
                while True:
                    await self._adjust()
                    await asyncio.sleep(_LOOK_S)
        finally:
            tasks = [task for _, _, task in self._running.values()]
            self._running.clear()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._registry.close()

    async def _adjust(self) -> None:
        enabled = {name: one for name, one in self._config().sinks.items() if one.enabled}
        for name, (config, _, task) in list(self._running.items()):
            if enabled.get(name) != config:
                del self._running[name]
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        for name, config in enabled.items():
            if name not in self._running:
                self._start(name, config)

    def _start(self, name: str, config: SinkConfig) -> None:
        try:
            worker = Worker(name, config, self._registry.build(config), self._parts)
        except Unconfigured as error:
            if name not in self._unconfigured:
                log.error("sink.unconfigured", sink=name, reason=str(error))
            self._unconfigured.add(name)
            return
        self._unconfigured.discard(name)
        task = asyncio.create_task(_keep_running(worker), name=f"sink.{name}")
        self._running[name] = (config, worker, task)

    async def _measure_now_and_then(self) -> None:
        while True:
            await self._measure()
            await asyncio.sleep(_MEASURE_S)

    async def _measure(self) -> None:
        names = list(self._config().sinks)
        try:
            async with self._parts.pool.acquire() as conn:
                waiting = await deliveries.waiting(conn)
                stopped = {name for name in names if await sinks.stopped(conn, name)}
        except Exception as error:
            if not is_infrastructure(error):
                raise
            return
        metrics = self._parts.metrics
        gauges = metrics.deliveries_waiting, metrics.delivery_oldest, metrics.sink_stopped
        for gauge in gauges:  # a sink that is gone would be shown, and alerted of, for ever
            gauge.clear()
        for name in names:
            out = name in self._unconfigured or name in stopped
            values = *waiting.get(name, (0, 0.0)), 1 if out else 0
            for gauge, value in zip(gauges, values, strict=True):
                gauge.labels(name).set(value)


async def _keep_running(worker: Worker) -> None:
    while True:
        try:
            await worker.run()
        except Exception as error:
            log.error("sink.failed", sink=worker.name, **describe(error))
            await asyncio.sleep(_RESTART_S)
