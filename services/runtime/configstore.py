"""The register of configuration versions, and the copy that a running service decides with.

A version is the content of all files and is named after it. It never changes; what changes is which
one is active. Publishing waits for every transaction that decides under the old version, and
transactions that start later see the new one: once a publish has committed, nothing is decided
under the version before.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import asyncpg
import structlog
from pydantic_core import from_json, to_json

from services.runtime.configfile import ConfigError, Fault
from services.runtime.database import Connection, is_infrastructure
from services.runtime.metrics import Metrics

T = TypeVar("T")
Files = Mapping[str, str]
"""File name to text."""

log = structlog.get_logger(__name__)

CHANNEL: Final = "handraise_config"
_POLL_SECONDS: Final = 0.5
_EXCLUSIVE = "select pg_advisory_xact_lock(hashtextextended('handraise.config', 0))"
_LOCKED = "select handraise.locked_config_version()"
_ACTIVE = "select version from handraise.config_active"


class NoConfiguration(Exception):
    """The register is empty."""


@dataclass(frozen=True, slots=True)
class Versioned(Generic[T]):
    """A parsed configuration with the version that it is."""

    version: str
    value: T


@dataclass(frozen=True, slots=True)
class Published:
    """One entry of the audit trail."""

    version: str
    author: str
    note: str
    at: datetime
    active: bool


def version_of(files: Files) -> str:
    """Content hash of a set of files, 12 hex characters."""
    digest = hashlib.sha256()
    for name in sorted(files):
        for part in (name.encode(), files[name].encode()):
            digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:12]


def read_folder(folder: Path) -> dict[str, str]:
    """The ``*.yaml`` files of a folder.

    :raises ConfigError: it holds none, or one that is not UTF-8.
    """
    files = {}
    for path in sorted(folder.glob("*.yaml")):
        try:
            files[path.name] = path.read_text("utf-8")
        except UnicodeDecodeError:
            raise ConfigError([Fault(path.name, 1, "", "is not UTF-8")]) from None
    if not files:
        raise ConfigError([Fault(str(folder), 1, "", "there is no .yaml file in this folder")])
    return files


class ConfigStore:
    """The SQL of the register."""

    async def publish(self, connection: Connection, files: Files, author: str, note: str) -> str:
        """Store ``files`` and make them active; returns their version.

        The caller has checked them. Publishing what is active already changes nothing.
        """
        async with connection.transaction():
            await connection.execute(_EXCLUSIVE)
            return await self._activate(connection, files, author, note)

    async def seed(self, connection: Connection, files: Files) -> str:
        """Publish ``files`` where nothing is active yet; returns the active version."""
        async with connection.transaction():
            await connection.execute(_EXCLUSIVE)
            active = await connection.fetchval(_ACTIVE)
            if active is not None:
                return str(active)
            return await self._activate(connection, files, "handraise", "seeded from the folder")

    async def active(self, connection: Connection) -> tuple[str, dict[str, str]]:
        """The active version and its files.

        :raises NoConfiguration: nothing was published yet.
        """
        row = await connection.fetchrow(
            "select version, files::text as files"
            " from handraise.config_active join handraise.config_versions using (version)"
        )
        if row is None:
            raise NoConfiguration("no configuration is published: run `handraise config publish`")
        return row["version"], _files(row["files"])

    async def files(self, connection: Connection, version: str) -> dict[str, str]:
        """The files of a version, active or not.

        :raises NoConfiguration: there is no such version.
        """
        found = await connection.fetchval(
            "select files::text from handraise.config_versions where version = $1", version
        )
        if found is None:
            raise NoConfiguration(f"there is no configuration version {version}")
        return _files(found)

    async def list(self, connection: Connection, limit: int = 100) -> list[Published]:
        """Who published what, the newest first."""
        rows = await connection.fetch(
            "select a.version, a.author, a.note, a.at,"
            " a.id = (select max(id) from handraise.config_audit) as active"
            " from handraise.config_audit a order by a.id desc limit $1",
            limit,
        )
        return [Published(**dict(row)) for row in rows]

    async def _activate(self, connection: Connection, files: Files, author: str, note: str) -> str:
        version = version_of(files)
        if await connection.fetchval(_ACTIVE) == version:
            return version
        await connection.execute(
            "insert into handraise.config_versions (version, files)"
            " values ($1, ($2::text)::jsonb) on conflict do nothing",
            version,
            _json(files),
        )
        await connection.execute(
            "insert into handraise.config_audit (version, author, note) values ($1, $2, $3)",
            version,
            author,
            note,
        )
        await connection.execute(
            "insert into handraise.config_active (version) values ($1)"
            " on conflict (singleton) do update set version = excluded.version, at = now()",
            version,
        )
        await connection.execute("select pg_notify($1, $2)", CHANNEL, version)
        return version


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
        await self._load(connection, await connection.fetchval(_LOCKED))
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
                await self._load(connection, await connection.fetchval(_ACTIVE), seen)
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


def _json(files: Files) -> str:
    return to_json(dict(files)).decode()


def _files(stored: str) -> dict[str, str]:
    return dict(from_json(stored))
