"""A pool on a fresh database, and scoring on it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from services.runtime.database import open_pool
from tests.integration.scoring.desk import Desk


@pytest.fixture
async def pool(postgres_dsn: str) -> AsyncIterator[asyncpg.Pool]:
    found = await open_pool(postgres_dsn, size=6, name="test.scoring")
    yield found
    found.terminate()


@pytest.fixture
def desk(pool: asyncpg.Pool) -> Desk:
    return Desk(pool)
