"""A fresh migrated database per test, copied from a template.

HANDRAISE_TEST_POSTGRES (a DSN whose user may create databases) names a server; else the embedded
one is started.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from services.runtime import migrate
from services.runtime.embedded.postgres import EmbeddedPostgres
from tests.support import memory, used

VARIABLE = "HANDRAISE_TEST_POSTGRES"

# A crash of the test server costs nothing; what must survive a crash is tested on `own_postgres`.
_FAST = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


def sql(dsn: str, *statements: str) -> None:
    """Runs statements one by one, each in its own transaction."""

    async def run() -> None:
        connection = await asyncpg.connect(dsn)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    _outside_the_loop(lambda: asyncio.run(run()))


def database_of(dsn: str, database: str) -> str:
    """The same server, another database."""
    return urlsplit(dsn)._replace(path=f"/{database}").geturl()


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """DSN of a server on which databases may be created."""
    if given := os.environ.get(VARIABLE):
        used.note("Postgres", f"{VARIABLE}")
        yield given
        return
    with memory.folder() as quick:
        place = quick or tmp_path_factory.mktemp("postgres")
        server = EmbeddedPostgres(place, settings=_FAST)
        dsn = server.start()
        used.note("Postgres", "embedded (PyPI wheel)")
        yield dsn
        server.stop()


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> Iterator[str]:
    """Name of a database that has every migration."""
    name = f"template_{secrets.token_hex(4)}"
    sql(postgres_server, f"create database {name}")
    _outside_the_loop(lambda: migrate.upgrade(database_of(postgres_server, name)))
    yield name
    sql(postgres_server, f"drop database {name} with (force)")


@pytest.fixture
def postgres_dsn(postgres_server: str, postgres_template: str) -> Iterator[str]:
    """A fresh database with every migration, of this test alone."""
    yield from _database(postgres_server, f"template {postgres_template} strategy file_copy")


@pytest.fixture
def empty_postgres_dsn(postgres_server: str) -> Iterator[str]:
    """A fresh database with nothing in it."""
    yield from _database(postgres_server, "")


@pytest.fixture
def own_postgres(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A durable server of this test alone, started, migrated, to be stopped or killed at will."""
    server = EmbeddedPostgres(tmp_path / "postgres")
    dsn = server.start()
    _outside_the_loop(lambda: migrate.upgrade(dsn))
    used.note("Postgres for faults", "embedded (PyPI wheel)")
    yield server
    server.stop()


def _database(server: str, how: str) -> Iterator[str]:
    name = f"test_{secrets.token_hex(6)}"
    sql(server, f"create database {name} {how}")
    yield database_of(server, name)
    sql(server, f"drop database if exists {name} with (force)")


def _outside_the_loop(work: Callable[[], object]) -> None:
    """In a thread, so that no event loop of a test is disturbed."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(work).result()
