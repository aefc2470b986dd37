"""Routing processes on a fresh database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import cast

import asyncpg
import pytest

from services.routing.review.books import recomputed
from tests.integration.routing.desk import Desk

OpenDesk = Callable[[Mapping[str, str]], Awaitable[Desk]]


@pytest.fixture
async def open_desk(postgres_dsn: str) -> AsyncIterator[OpenDesk]:
    """Opens routing processes; the first decides which configuration is active.

    In the end every decision that was stored is taken again, and must come out the same.
    """
    opened: list[Desk] = []

    async def open_one(files: Mapping[str, str]) -> Desk:
        desk = await Desk.open(postgres_dsn, files)
        opened.append(desk)
        return desk

    yield open_one
    if opened:
        async with opened[0].pool.acquire() as connection:
            report = await recomputed(cast(asyncpg.Connection, connection))
        assert report.differences == []
    for desk in opened:
        await desk.close()
