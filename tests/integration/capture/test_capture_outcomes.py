"""Browsers that ask what became of a submission."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import asyncpg

from services.capture.outcomes import Outcomes
from services.capture.standing import Outcome
from services.capture.store import outcomes as store
from services.runtime.database import open_pool


def nothing_configured() -> Any:
    raise AssertionError("asked of the stage alone")


async def _waited(pool: asyncpg.Pool) -> Outcome | None:
    """What the second of two who ask hears, where it is known after the first has given up."""
    submission = uuid4()
    outcomes = Outcomes(pool, nothing_configured)
    looking = asyncio.create_task(outcomes.run())
    first = asyncio.create_task(outcomes.get(submission, 0.0))
    second = asyncio.create_task(outcomes.get(submission, 30.0))
    try:
        assert await first is None
        told = Outcome(submission, 1, "website", "Ana", None, None)
        await store.keep(pool, [told])
        return await asyncio.wait_for(second, 20.0)
    finally:
        looking.cancel()
        second.cancel()


async def test_who_gives_up_does_not_take_the_answer_from_another(postgres_dsn: str) -> None:
    pool = await open_pool(postgres_dsn, size=2)
    found = await _waited(pool)
    assert found is not None
    assert found.first_name == "Ana"
    await pool.close()
