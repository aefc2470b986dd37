"""Response processes on a fresh database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests.integration.response.desk import Desk, files

OpenDesk = Callable[..., Awaitable[Desk]]


@pytest.fixture
async def open_desk(postgres_dsn: str) -> AsyncIterator[OpenDesk]:
    """Opens response processes; the first decides which configuration is active."""
    opened: list[Desk] = []

    async def open_one(response: str | None = None, **options: float) -> Desk:
        given = files() if response is None else files(response)
        desk = await Desk.open(postgres_dsn, given, **options)
        opened.append(desk)
        return desk

    yield open_one
    for desk in opened:
        await desk.close()


@pytest.fixture
async def desk(open_desk: OpenDesk) -> Desk:
    return await open_desk()
