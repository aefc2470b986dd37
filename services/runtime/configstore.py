"""The configuration of a running service: the active version of the register, always at hand."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import asyncpg
import structlog

from services.runtime.configfile import ConfigError
from services.runtime.configregister import (
    CHANNEL,
    RETENTION,
    ConfigStore,
    Files,
    NoConfiguration,
    Overtaken,
    Published,
    Scheduled,
    differences,
    read_folder,
    version_of,
)
from services.runtime.database import Connection, is_infrastructure
from services.runtime.metrics import Metrics

__all__ = [
    "CHANNEL",
    "RETENTION",
    "ConfigStore",
    "Files",
    "LiveConfig",
    "NoConfiguration",
    "Overtaken",
    "Published",
    "Scheduled",
    "Versioned",
    "differences",
    "read_folder",
    "version_of",
]

T = TypeVar("T")

log = structlog.get_logger(__name__)

_POLL_SECONDS: Final = 0.5
_LOCKED = "select handraise.locked_config_version()"


@dataclass(frozen=True, slots=True)
class Versioned(Generic[T]):
    """A parsed configuration with the version that it is."""

    version: str
    value: T


class LiveConfig(Generic[T]):
    """The configuration of a running service: follows the register within a second.

    ``current`` is for what may be a moment late. What is decided in a transaction asks
    :meth:`locked`. A version that does not parse is refused and logged; the one before stays in
    use, and is the one that decisions name.
    """

    def __init__(
        self,
        pool: asyncpg.Pool,
        parse: Callable[[Files], T],
        *,
        metrics: Metrics | None = None,
        on_change: Callable[[Versioned[T]], None] | None = None,
    ) -> None:
        self._pool = pool
        self._parse = parse
        self._metrics = metrics
        self._on_change = on_change
        self._store = ConfigStore()
        self._current: Versioned[T] | None = None
        self._refused: str | None = None
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def current(self) -> Versioned[T]:
        """The configuration in use.

        :raises RuntimeError: before :meth:`start`.
        """
        if self._current is None:
            raise RuntimeError("the configuration was not started")
        return self._current

    async def start(self) -> None:
        """Load the active version and follow the register from then on.

        :raises ConfigError: it does not parse.
        :raises NoConfiguration: the register is empty.
        """
        async with self._pool.acquire() as connection:
            await self._store.promote(connection)
            version, files = await self._store.active(connection)
        self._adopt(Versioned(version, self._parse(files)))
        self._task = asyncio.create_task(self._follow(), name="config")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def locked(self, connection: Connection) -> Versioned[T]:
        """The version to decide with, inside the transaction that decides.

        Until that transaction ends no other version becomes active. Takes one round trip.
        """
        return await self.adopted(connection, await connection.fetchval(_LOCKED))

    async def adopted(self, connection: Connection, version: str | None) -> Versioned[T]:
        """As :meth:`locked`, of a version that a statement of the caller's has locked and read."""
        await self._load(connection, version)
        return self.current

    async def _follow(self) -> None:
        while True:
            try:
                async with self._pool.acquire() as connection:
                    await self._listen(connection)
            except Exception as error:
                if not is_infrastructure(error):
                    log.error("config.follow_failed", error=type(error).__name__)
            await asyncio.sleep(_POLL_SECONDS)

    async def _listen(self, connection: Any) -> None:
        """Poll, and poll at once when told; the poll is what makes a lost message harmless."""
        await connection.add_listener(CHANNEL, self._told)
        try:
            while True:
                seen = self.current
                await self._load(connection, await self._store.look(connection), seen)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), _POLL_SECONDS)
                self._changed.clear()
        finally:
            with contextlib.suppress(Exception):
                await connection.remove_listener(CHANNEL, self._told)

    def _told(self, *_: object) -> None:
        self._changed.set()

    async def _load(
        self, connection: Connection, version: str | None, seen: Versioned[T] | None = None
    ) -> None:
        """``seen``: what was in use when ``version`` was read outside of the lock."""
        if version is None or version in (self.current.version, self._refused):
            return
        files = await self._store.files(connection, version)
        if seen is not None and self.current is not seen:
            return  # a decision has loaded a later one meanwhile
        try:
            self._adopt(Versioned(version, self._parse(files)))
        except Exception as error:  # whatever a parser raises, the service goes on deciding
            self._refused = version
            faults = len(error.faults) if isinstance(error, ConfigError) else 1
            log.error(
                "config.refused",
                version=version,
                in_use=self.current.version,
                faults=faults,
                error=type(error).__name__,
            )

    def _adopt(self, loaded: Versioned[T]) -> None:
        before, self._current, self._refused = self._current, loaded, None
        if self._metrics is not None:
            if before is not None:
                self._metrics.config_version.remove(before.version)
            self._metrics.config_version.labels(loaded.version).set(1)
        log.info("config.in_use", version=loaded.version)
        if self._on_change is not None and before is not None:
            self._on_change(loaded)
