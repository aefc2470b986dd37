"""What a Postgres that was away leaves behind in a process of enrichment."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import asyncpg
import pytest
from fastapi import FastAPI

from schemas.base import Lane
from schemas.enrichment import LeadEnriched
from services.enrichment.app import build
from services.runtime.database import open_pool
from services.runtime.metrics import Metrics
from services.runtime.outbox import Outbox
from services.runtime.records import Output
from services.runtime.stage import StageSpec
from tests.integration.enrichment.flow import captured_lead, record
from tests.integration.enrichment.standin import StandIn, answering
from tests.support.waiting import eventually


class Shell:
    """What ``build`` is given: real pools and outboxes, and loops that the test starts."""

    def __init__(self, pools: dict[Lane, asyncpg.Pool], config: object) -> None:
        self.metrics = Metrics()
        self.app = FastAPI()
        self.secrets = SimpleNamespace(get=lambda _: [b"s3cret"], names=lambda: ["SECRET"])
        self.tasks: dict[str, Callable[[], Awaitable[None]]] = {}
        self.drains: list[Callable[[], Awaitable[None]]] = []
        self.stages: dict[Lane, StageSpec[Any]] = {}
        self.released: list[Output] = []
        self._pools = pools
        self._config = config

    async def config(self, _: object) -> object:
        return SimpleNamespace(current=SimpleNamespace(value=self._config))

    async def pool(self, lane: Lane) -> asyncpg.Pool:
        return self._pools[lane]

    def outbox(self, schema: str, lane: Lane) -> Outbox:
        return Outbox(schema, self._pools[lane], self._publish, self.metrics)

    def lane(self, lane: Lane) -> object:
        return SimpleNamespace(add=lambda spec: self.stages.update({lane: spec}))

    def task(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        self.tasks[name] = run

    def drain_with(self, stop: Callable[[], Awaitable[None]]) -> None:
        self.drains.append(stop)

    async def _publish(self, outputs: Any) -> None:
        self.released.extend(outputs)


async def test_providers_are_asked_on_after_the_housekeeping_found_no_postgres(
    pool: asyncpg.Pool, postgres_dsn: str
) -> None:
    away = await open_pool(postgres_dsn, size=1, name="test.away")
    await away.close()
    async with StandIn(answering()) as standin:
        shell: Any = Shell({Lane.LIVE: pool, Lane.BULK: away}, standin.config())
        await build(shell)
        with pytest.raises(asyncpg.InterfaceError):  # the shell begins the loop again
            await shell.tasks["housekeeping"]()

        work = asyncio.create_task(shell.tasks["jobs.live"]())
        try:
            assert await shell.stages[Lane.LIVE].handler([record(captured_lead())]) == []
            await eventually(lambda: len(shell.released) >= 1)
        finally:
            work.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await work
            for stop in shell.drains:
                await stop()
    found = LeadEnriched.read(shell.released[0].value)
    assert found.complete
    assert found.facts["headcount"].value == 640
