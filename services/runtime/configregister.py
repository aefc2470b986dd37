"""The register of configuration versions: who published what, what is active, what becomes so when.

A version is the content of all files and is named after it. It never changes; what changes is which
one is active. Publishing waits for every transaction that decides under the old version, and
transactions that start later see the new one: once a publish has committed, nothing is decided
under the version before.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from pydantic_core import from_json, to_json

from services.runtime.configfile import ConfigError, Fault
from services.runtime.database import Connection

Files = Mapping[str, str]
"""File name to text."""

TESTS: Final = ".tests.yaml"
"""Such files decide nothing, so they are no part of a version."""
RETENTION: Final = "retention.yaml"
"""How long rows are kept that nobody decides with: no part of a version either."""
CHANNEL: Final = "handraise_config"
_EXCLUSIVE = "select pg_advisory_xact_lock(hashtextextended('handraise.config', 0))"
ACTIVE = "select version from handraise.config_active"
_DUE = """
select id, version, author, note from handraise.config_scheduled
where ended_at is null and effective_at <= clock_timestamp() order by effective_at, id
"""

_LOOK = """
select (select version from handraise.config_active) as active,
       exists(select from handraise.config_scheduled
              where ended_at is null and effective_at <= clock_timestamp()) as due
"""


class NoConfiguration(Exception):
    """The register is empty."""


class Overtaken(Exception):
    """Another version became active meanwhile."""

    def __init__(self, active: str) -> None:
        super().__init__(f"version {active} is active by now")
        self.active = active


@dataclass(frozen=True, slots=True)
class Published:
    """One entry of the audit trail."""

    version: str
    author: str
    note: str
    at: datetime
    active: bool


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A version that becomes active by itself."""

    version: str
    author: str
    note: str
    effective_at: datetime


def version_of(files: Files) -> str:
    """Content hash of a set of files, 12 hex characters."""
    digest = hashlib.sha256()
    for name in sorted(files):
        for part in (name.encode(), files[name].encode()):
            digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:12]


def differences(before: Files, after: Files) -> list[str]:
    """What differs between two sets of files, as the lines of a unified diff."""
    lines: list[str] = []
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name, ""), after.get(name, "")
        lines += difflib.unified_diff(
            old.splitlines(), new.splitlines(), f"a/{name}", f"b/{name}", lineterm=""
        )
    return lines


def read_folder(folder: Path) -> dict[str, str]:
    """The ``*.yaml`` and ``*.csv`` files of a folder; those that only test it (``*.tests.yaml``),
    and ``retention.yaml``, are left out.

    :raises ConfigError: it holds none, or one that is not UTF-8.
    """
    files = {}
    for path in sorted([*folder.glob("*.yaml"), *folder.glob("*.csv")]):
        if path.name.endswith(TESTS) or path.name == RETENTION or path.name.startswith("."):
            continue  # what begins with a dot an editor keeps for itself
        try:
            files[path.name] = path.read_text("utf-8")
        except UnicodeDecodeError:
            raise ConfigError([Fault(path.name, 1, "", "is not UTF-8")]) from None
    if not files:
        raise ConfigError([Fault(str(folder), 1, "", "there is no .yaml file in this folder")])
    return files


class ConfigStore:
    """The SQL of the register."""

    async def publish(
        self,
        connection: Connection,
        files: Files,
        author: str,
        note: str,
        *,
        expected: str | None = None,
    ) -> str:
        """Store ``files`` and make them active; returns their version.

        The caller has checked them. Publishing what is active already changes nothing.

        :param expected: the version that they were made from.
        :raises Overtaken: another one is active by now.
        """
        async with connection.transaction():
            await connection.execute(_EXCLUSIVE)
            if expected is not None:
                active = str(await connection.fetchval(ACTIVE))
                if active != expected:
                    raise Overtaken(active)
            return await self._activate(connection, files, author, note)

    async def schedule(
        self, connection: Connection, files: Files, author: str, note: str, at: datetime
    ) -> str:
        """Store ``files``; they become active at ``at``, or within a second of it."""
        async with connection.transaction():
            version = await self._keep(connection, files)
            await connection.execute(
                "insert into handraise.config_scheduled (version, author, note, effective_at)"
                " values ($1, $2, $3, $4)",
                version,
                author,
                note,
                at,
            )
        return version

    async def scheduled(self, connection: Connection) -> list[Scheduled]:
        """What becomes active later, the first first."""
        rows = await connection.fetch(
            "select version, author, note, effective_at from handraise.config_scheduled"
            " where ended_at is null order by effective_at, id"
        )
        return [Scheduled(**dict(row)) for row in rows]

    async def cancel(self, connection: Connection, version: str) -> int:
        """Call off what is scheduled of a version; returns how many times it was."""
        done = await connection.fetch(
            "update handraise.config_scheduled set ended_at = now(), outcome = 'cancelled'"
            " where ended_at is null and version = $1 returning id",
            version,
        )
        return len(done)

    async def look(self, connection: Connection) -> str | None:
        """The active version, after what has become due was made active."""
        row = await connection.fetchrow(_LOOK)
        assert row is not None
        if not row["due"]:
            return row["active"]  # type: ignore[no-any-return]
        await self.promote(connection)
        return await connection.fetchval(ACTIVE)  # type: ignore[no-any-return]

    async def promote(self, connection: Connection) -> None:
        """Make active what has become due; several processes may try at once."""
        if not await connection.fetch(_DUE):
            return
        async with connection.transaction():
            await connection.execute(_EXCLUSIVE)
            for row in await connection.fetch(_DUE):
                files = await self.files(connection, row["version"])
                await self._activate(connection, files, row["author"], row["note"])
                await connection.execute(
                    "update handraise.config_scheduled set ended_at = now(), outcome = 'active'"
                    " where id = $1",
                    row["id"],
                )

    async def seed(self, connection: Connection, files: Files) -> str:
        """Publish ``files`` where nothing is active yet; returns the active version."""
        async with connection.transaction():
            await connection.execute(_EXCLUSIVE)
            active = await connection.fetchval(ACTIVE)
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
        version = await self._keep(connection, files)
        if await connection.fetchval(ACTIVE) == version:
            return version
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

    async def _keep(self, connection: Connection, files: Files) -> str:
        version = version_of(files)
        await connection.execute(
            "insert into handraise.config_versions (version, files)"
            " values ($1, ($2::text)::jsonb) on conflict do nothing",
            version,
            _json(files),
        )
        return version


def _json(files: Files) -> str:
    return to_json(dict(files)).decode()


def _files(stored: str) -> dict[str, str]:
    return dict(from_json(stored))
