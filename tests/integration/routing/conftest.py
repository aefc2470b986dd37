"""Routing processes on a fresh database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

import pytest

from tests.integration.routing.desk import Desk

OpenDesk = Callable[[Mapping[str, str]], Awaitable[Desk]]


@pytest.fixture
async def open_desk(postgres_dsn: str) -> AsyncIterator[OpenDesk]:
    """Opens routing processes; the first decides which configuration is active."""
    opened: list[Desk] = []

    async def open_one(files: Mapping[str, str]) -> Desk:
        desk = await Desk.open(postgres_dsn, files)
        opened.append(desk)
        return desk

    yield open_one
    for desk in opened:
        await desk.close()
