"""A pool on a fresh database, and enrichment on it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from services.runtime.database import open_pool
from tests.integration.enrichment.flow import Flow


@pytest.fixture
async def pool(postgres_dsn: str) -> AsyncIterator[asyncpg.Pool]:
    found = await open_pool(postgres_dsn, size=6, name="test.enrichment")
    yield found
    found.terminate()


@pytest.fixture
async def flow(pool: asyncpg.Pool) -> AsyncIterator[Flow]:
    made = Flow(pool)
    yield made
    await made.asking.close()
