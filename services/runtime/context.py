"""What the shell hands to a service: everything real that its ``app.py`` builds with."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

import asyncpg
import structlog
from fastapi import FastAPI
from structlog.typing import FilteringBoundLogger

from schemas.base import Lane
from services.runtime.apikeys import KeyRing
from services.runtime.broker import LaneBroker
from services.runtime.configstore import ConfigStore, Files, LiveConfig, read_folder
from services.runtime.database import connect, is_infrastructure, open_pool
from services.runtime.health import Check, Health
from services.runtime.http import create_app
from services.runtime.logs import describe
from services.runtime.metrics import Metrics
from services.runtime.outbox import Outbox
from services.runtime.settings import Secrets, Settings

T = TypeVar("T")
Loop = Callable[[], Awaitable[None]]

_BACK_OFF_S: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_HEALTHY_S: Final = 30.0
_CONTROL_CONNECTIONS: Final = 3
"""For the shell itself: keys, readiness, the configuration's listener."""


@dataclass(slots=True)
class _Parts:
    """What was made so far, and has to be started and stopped."""

    pools: dict[Lane, asyncpg.Pool] = field(default_factory=dict)
    control: asyncpg.Pool | None = None
    lanes: dict[Lane, LaneBroker] = field(default_factory=dict)
    outboxes: list[tuple[str, Outbox]] = field(default_factory=list)
    configs: list[LiveConfig[object]] = field(default_factory=list)
    waiting: list[tuple[str, Loop]] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    publishers: list[asyncio.Task[None]] = field(default_factory=list)
    drains: list[Callable[[], Awaitable[None]]] = field(default_factory=list)


class Context:
    """One service in one process. Made by :func:`services.runtime.service.run`."""

    def __init__(self, name: str, settings: Settings, secrets: Secrets) -> None:
        self.name = name
        self.settings = settings
        self.secrets = secrets
        self.metrics = Metrics()
        self.health = Health(name)
        self.keys = KeyRing()
        self.log: FilteringBoundLogger = structlog.get_logger(name)
        self.app: FastAPI = create_app(
            f"Handraise {name}",
            metrics=self.metrics,
            health=self.health,
            keys=self.keys,
            proxies=settings.http.proxies,
        )
        self._parts = _Parts()
        self._running = False

    # -- for the service's build ---------------------------------------------------------------
    async def pool(self, lane: Lane) -> asyncpg.Pool:
        """The connections of a lane; opened once, waiting for Postgres if need be."""
        if lane not in self._parts.pools:
            self._parts.pools[lane] = await connect(
                self.settings.postgres, lane=lane, service=self.name
            )
        return self._parts.pools[lane]

    def lane(self, lane: Lane) -> LaneBroker:
        """The broker of a lane; started after the service is built."""
        if lane not in self._parts.lanes:
            broker = LaneBroker(self.settings.kafka, lane, self.name, self.metrics)
            self._parts.lanes[lane] = broker
            self.ready_when(f"kafka.{lane.value}", _ask(broker))
        return self._parts.lanes[lane]

    def outbox(self, schema: str, lane: Lane) -> Outbox:
        """The outbox of ``schema`` on a lane; it publishes and sweeps until the drain's end."""
        pool = self._parts.pools[lane]
        outbox = Outbox(schema, pool, self.lane(lane).publish, self.metrics)
        self._parts.outboxes.append((f"outbox.{lane.value}", outbox))
        return outbox

    async def config(self, parse: Callable[[Files], T]) -> LiveConfig[T]:
        """The active configuration, followed from now on.

        An empty register is filled from the folder of the settings first, if ``parse`` takes it.

        :raises ConfigError: with every fault.
        :raises NoConfiguration: the register is empty and there is no folder.
        """
        folder = self.settings.config
        async with self.control.acquire() as connection:
            if folder.is_dir() and not await ConfigStore().list(connection, 1):
                files = read_folder(folder)
                parse(files)
                await ConfigStore().seed(connection, files)
        live = LiveConfig(self.control, parse, metrics=self.metrics)
        await live.start()
        self._parts.configs.append(live)  # type: ignore[arg-type]  # only ever stopped
        return live

    def task(self, name: str, run: Loop) -> None:
        """Run a background loop once the service has started, until its drain.

        When it raises, that is logged and it starts again, 0.1 to 5 s later.
        """
        if self._running:
            self._parts.tasks.append(_spawn(name, run))
        else:
            self._parts.waiting.append((name, run))

    def broker(self, lane: Lane) -> LaneBroker:
        """A broker beside that of the lane, for stages that come and go with the configuration.

        Whoever asks for it starts and stops it, at the drain too: see :meth:`drain_with`.
        """
        return LaneBroker(self.settings.kafka, lane, self.name, self.metrics)

    def drain_with(self, stop: Callable[[], Awaitable[None]]) -> None:
        """Stop, together with the lanes, what the service started by itself."""
        self._parts.drains.append(stop)

    def ready_when(self, name: str, check: Check) -> None:
        """Be ready only while ``check`` answers None."""
        self.health.add(name, check)

    # -- for the shell ------------------------------------------------------------------------
    @property
    def control(self) -> asyncpg.Pool:
        """The shell's own few connections."""
        if self._parts.control is None:
            raise RuntimeError("the database was not opened")
        return self._parts.control

    @property
    def lanes(self) -> list[LaneBroker]:
        return list(self._parts.lanes.values())

    async def open(self) -> None:
        """Open the database; raises what waiting cannot help."""
        dsn = self.settings.postgres.dsn.get_secret_value()
        self._parts.control = await open_pool(
            dsn, size=_CONTROL_CONNECTIONS, name=f"handraise.{self.name}.control"
        )
        self.ready_when("postgres", self._postgres)

    async def open_lanes(self) -> None:
        """Open the pools of both lanes, so that a service can build in any order."""
        for lane in Lane:
            await self.pool(lane)

    async def start(self, *, wait: bool = True) -> None:
        """Start what the service has built: brokers first, then what publishes through them.

        ``wait``: for the brokers. They go on trying by themselves while Kafka is away.
        """
        parts = self._parts
        if wait:
            await self._start_lanes()
        else:
            parts.tasks.append(_spawn("lanes", self._start_lanes))
        parts.publishers += [_spawn(name, outbox.run) for name, outbox in parts.outboxes]
        self._running = True
        parts.tasks += [_spawn(name, run) for name, run in parts.waiting]
        parts.waiting.clear()

    async def stop(self, seconds: float) -> None:
        """Undo :meth:`start` in its reverse order; what takes longer is cut off."""
        parts = self._parts
        ends = time.monotonic() + seconds
        await _cancel(parts.tasks, 0.5)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.5, ends - time.monotonic() - 1.0)):
                stops = [*(broker.stop for broker in parts.lanes.values()), *parts.drains]
                for failed in await asyncio.gather(*(s() for s in stops), return_exceptions=True):
                    if isinstance(failed, Exception):
                        self.log.error("drain.failed", **describe(failed))
        await _cancel(parts.publishers, 0.5)  # after the last acknowledgement was noted
        for live in parts.configs:
            await live.stop()
        pools = [*parts.pools.values(), *([parts.control] if parts.control else [])]
        await asyncio.gather(*(_close(pool) for pool in pools))

    async def _start_lanes(self) -> None:
        await asyncio.gather(*(broker.start() for broker in self.lanes))

    async def _postgres(self) -> str | None:
        await self.control.fetchval("select 1")
        return None


def _ask(broker: LaneBroker) -> Check:
    async def ready() -> str | None:
        return broker.ready()

    return ready


def _spawn(name: str, run: Loop) -> asyncio.Task[None]:
    return asyncio.create_task(_keep_running(name, run), name=name)


async def _keep_running(name: str, run: Loop) -> None:
    log = structlog.get_logger(__name__)
    failures = 0
    while True:
        began = time.monotonic()
        try:
            await run()
            return
        except Exception as error:
            failures = 0 if time.monotonic() - began > _HEALTHY_S else failures + 1
            say = log.warning if is_infrastructure(error) else log.error
            say("task.failed", task=name, attempt=failures, **describe(error))
        await asyncio.sleep(_BACK_OFF_S[min(failures, len(_BACK_OFF_S)) - 1])


async def _cancel(tasks: list[asyncio.Task[None]], seconds: float) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=seconds)


async def _close(pool: asyncpg.Pool) -> None:
    try:
        await asyncio.wait_for(pool.close(), 0.5)
    except Exception:  # a connection that is in use, or broken: it ends with us anyway
        pool.terminate()
