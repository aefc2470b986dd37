"""Response processes on a fresh database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

import pytest

from tests.integration.response.desk import Desk, files

OpenDesk = Callable[..., Awaitable[Desk]]


@pytest.fixture
async def open_desk(postgres_dsn: str) -> AsyncIterator[OpenDesk]:
    """Opens response processes; the first decides which configuration is active."""
    opened: list[Desk] = []

    async def open_one(response: str | None = None, opens_in_hours: int | None = None) -> Desk:
        given = files() if response is None else files(response)
        if opens_in_hours is not None:
            hour = datetime.now(UTC).hour
            opens, closes = (hour + opens_in_hours) % 24, (hour + opens_in_hours + 4) % 24
            office = f'  office: {{hours: {{every_day: "{opens:02}:00-{closes:02}:00"}}}}\n'
            given["calendars.yaml"] += office
            given["response.yaml"] += "teams: {desk: {calendar: office, time_zone: UTC}}\n"
        desk = await Desk.open(postgres_dsn, given)
        opened.append(desk)
        return desk

    yield open_one
    for desk in opened:
        await desk.close()


@pytest.fixture
async def desk(open_desk: OpenDesk) -> Desk:
    return await open_desk()
