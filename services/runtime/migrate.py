"""Migrations: each room owns its schema, its revisions and its version table.

A room's revisions are files ``NNNN_what.py`` in ``services/<room>/migrations``, installed with the
package. Alembic keeps their order and writes the SQL; asyncpg runs it. So a revision is SQL only:
it cannot look at the data in Python, and it may hold several statements.

They expand first and contract one release later. Release N adds what N+1 needs, release N+1 stops
using the old, release N+2 drops it and calls :func:`require_code` with its own
:data:`CODE_VERSION`, so that older processes refuse to start on what they no longer understand.
"""

from __future__ import annotations

import ast
import asyncio
import importlib.util
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg

from services.runtime.database import SCHEMAS, Connection, patiently

CODE_VERSION: Final = 1
"""Raised by a release whose schema older code can no longer use."""

ROOMS: Final = tuple(f"services.{room}" for room in SCHEMAS)
"""Every package that may carry migrations; the shell's own come first."""

_LOCK = "handraise.migrate"
_ENV = Path(__file__).parent / "alembic_env"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is pending for one room."""

    steps: tuple[str, ...]
    """One line each."""
    sql: str
    """A script of several statements, the move of the version table included."""


@dataclass(frozen=True, slots=True)
class _Revisions:
    """The revisions that this code knows of a room, as its files name them."""

    folder: Path
    names: frozenset[str]
    head: str

    @classmethod
    def of(cls, package: str) -> _Revisions | None:
        """None when the package stores nothing."""
        folder = migrations_of(package)
        if folder is None:
            return None
        follows = dict(_read_revision(path) for path in sorted(folder.glob("[0-9]*.py")))
        heads = sorted(set(follows) - set(follows.values()))
        if len(heads) != 1:
            raise SchemaError(f"{folder} must have one newest revision, not {heads}")
        return cls(folder, frozenset(follows), heads[0])

    def enough(self, applied: str | None) -> bool:
        """Whether a database at ``applied`` has all that this code needs.

        A revision that this code does not know was written by a later release, and expands.
        """
        return applied == self.head or (applied is not None and applied not in self.names)


class SchemaError(Exception):
    """The database does not fit this code."""


def upgrade(dsn: str, packages: Sequence[str] = ROOMS) -> list[str]:
    """Bring the schemas of ``packages`` to this code's state; says in words what it applied.

    Repeating it changes nothing. When two start at once the second waits for the first. Each room
    is one transaction: it is at its new state or at its old one.

    :raises asyncpg.PostgresError: where Postgres refuses; nothing of that room was applied.
    """
    return asyncio.run(upgrade_async(dsn, packages))


async def upgrade_async(dsn: str, packages: Sequence[str] = ROOMS) -> list[str]:
    """:func:`upgrade` inside a running event loop."""
    connection = await patiently(lambda: asyncpg.connect(dsn, timeout=5), doing="migrate")
    try:
        # Held by this connection, so Postgres frees it when the process dies.
        await connection.execute("select pg_advisory_lock(hashtextextended($1, 0))", _LOCK)
        return [line for package in packages for line in await _upgrade_room(connection, package)]
    finally:
        await connection.close(timeout=5)


async def verify(connection: Connection, packages: Sequence[str]) -> None:
    """Refuse a database that this code cannot work with.

    :raises SchemaError: one sentence: not migrated, behind this code, or ahead of it.
    """
    for package in packages:
        known = _Revisions.of(package)
        if known is None:
            continue
        schema = schema_of(package)
        table = f"{schema}.migrations"
        if await connection.fetchval("select to_regclass($1)", table) is None:
            raise SchemaError(
                f"the database has no schema {schema}: run `handraise migrate`, which creates it"
            )
        applied = await connection.fetchval(f"select version_num from {table}")
        if not known.enough(applied):
            raise SchemaError(
                f"schema {schema} is at revision {applied} and this release needs {known.head}: "
                "run `handraise migrate`"
            )
    needed = await connection.fetchval("select min_code_version from handraise.installation")
    if needed > CODE_VERSION:
        raise SchemaError(
            f"this database needs code version {needed} or later and this release is "
            f"{CODE_VERSION}: upgrade Handraise, or restore the database that it belongs to"
        )


def require_code(version: int) -> None:
    """Called by a contracting migration: code below ``version`` no longer starts here."""
    from alembic import op

    op.execute(
        "update handraise.installation"
        f" set min_code_version = greatest(min_code_version, {version:d})"
    )


def schema_of(package: str) -> str:
    """The schema that a package owns: its room's, ``handraise`` for the shell."""
    room = package.rpartition(".")[2]
    return SCHEMAS.get(room, room)


def has_package(package: str) -> bool:
    """Whether this installation has a room of that name."""
    return importlib.util.find_spec(package) is not None


def migrations_of(package: str) -> Path | None:
    """Folder of the revisions of a package; None when it stores nothing."""
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise SchemaError(f"there is no package {package}")
    folder = Path(found.origin).parent / "migrations"
    return folder if any(folder.glob("[0-9]*.py")) else None


def _read_revision(path: Path) -> tuple[str, str | None]:
    """``revision`` and ``down_revision`` of a file, without running it."""
    found: dict[str, str | None] = {}
    for statement in ast.parse(path.read_text("utf-8")).body:
        match statement:
            case ast.Assign(
                targets=[ast.Name(id=name)], value=ast.Constant(value=str() | None as value)
            ):
                found[name] = value
            case ast.AnnAssign(
                target=ast.Name(id=name), value=ast.Constant(value=str() | None as value)
            ):
                found[name] = value
    revision = found.get("revision")
    if revision is None:
        raise SchemaError(f"{path} has no revision")
    return revision, found.get("down_revision")


def _escaped(path: Path) -> str:
    return str(path).replace("%", "%%")


async def _upgrade_room(connection: Connection, package: str) -> list[str]:
    schema = schema_of(package)
    applied: str | None = None
    if await connection.fetchval("select to_regclass($1)", f"{schema}.migrations") is not None:
        applied = await connection.fetchval(f"select version_num from {schema}.migrations")
    pending = plan(package, applied)
    if pending is None:
        return []
    async with connection.transaction():
        await connection.execute(f"create schema if not exists {schema}")
        await connection.execute(pending.sql)
    return list(pending.steps)


def plan(package: str, applied: str | None) -> Plan | None:
    """What Alembic would run to bring ``package`` from revision ``applied`` to the newest."""
    # Alembic and SQLAlchemy take a third of a second to import, and a service needs neither.
    from alembic import command
    from alembic.config import Config

    known = _Revisions.of(package)
    if known is None or known.enough(applied):
        return None
    schema = schema_of(package)
    steps: list[str] = []

    def note(*, step: Any, **_: Any) -> None:
        steps.append(f"{schema}: {step.up_revision_id} {step.up_revision.doc}")

    config = Config()
    config.set_main_option("script_location", _escaped(_ENV))
    config.set_main_option("version_locations", _escaped(known.folder))
    config.set_main_option("path_separator", "newline")
    config.output_buffer = buffer = io.StringIO()
    config.attributes.update(schema=schema, on_version_apply=note)
    command.upgrade(config, f"{applied or 'base'}:head", sql=True)
    return Plan(tuple(steps), buffer.getvalue())
