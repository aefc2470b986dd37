"""A database belongs to one secret, and a sandbox is one from its start."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from services.runtime import installation
from services.runtime.installation import InstallationError

MINE, OTHER = b"0123456789abcdef-mine", b"0123456789abcdef-other"


@pytest.fixture
async def db(postgres_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(postgres_dsn)
    yield connection
    await connection.close()


async def test_another_secret_is_refused_and_told_apart(db: asyncpg.Connection) -> None:
    before = await installation.read(db)
    assert not before.started
    await installation.claim(db, MINE)
    await installation.claim(db, MINE)
    with pytest.raises(InstallationError, match="not the secret that this database") as caught:
        await installation.claim(db, OTHER)
    assert installation.fingerprint(MINE) in str(caught.value)
    assert "mine" not in str(caught.value)
    await installation.claim(db, MINE)
    after = await installation.read(db)
    assert (after.id, after.started, after.sandbox) == (before.id, True, False)


async def test_a_short_secret_is_refused(db: asyncpg.Connection) -> None:
    with pytest.raises(InstallationError, match="shorter than 16 bytes"):
        await installation.claim(db, b"short")


async def test_only_an_unused_installation_becomes_a_sandbox(db: asyncpg.Connection) -> None:
    await installation.mark_sandbox(db)
    await installation.claim(db, MINE)
    await installation.mark_sandbox(db)  # it is one already
    assert (await installation.read(db)).sandbox


async def test_one_that_was_used_does_not(db: asyncpg.Connection) -> None:
    await installation.claim(db, MINE)
    with pytest.raises(InstallationError, match="may hold real leads"):
        await installation.mark_sandbox(db)
    assert not (await installation.read(db)).sandbox
