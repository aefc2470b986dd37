"""Capture in this process, built by its own ``app.build``, on real parts."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from aiokafka import AIOKafkaConsumer

from schemas import topics
from services.capture import app
from services.capture.adapters import ADAPTERS
from services.runtime import apikeys
from services.runtime.apikeys import Scope
from services.runtime.context import Context
from services.runtime.settings import KafkaSettings, PostgresSettings, Secrets, Settings

CONFIG = Path("deploy/config")
SECRETS = Secrets(
    {
        "INSTALLATION": [b"an installation's secret of 32 bytes!"],
        "TYPEFORM_DEMO": [b"typeform-secret", b"typeform-secret-before"],
        "WEBSITE": [b"whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="],
    }
)


@dataclass
class Capture:
    """A running capture and what a test asks of it."""

    ctx: Context
    http: httpx.AsyncClient
    key: str
    kafka: KafkaSettings

    async def lead(
        self, key: str | None = None, *, headers: dict[str, str] | None = None, **lead: Any
    ) -> httpx.Response:
        more = {"idempotency-key": key} if key else {}
        return await self.http.post("/v1/leads", json=lead, headers={**more, **(headers or {})})

    async def hook(
        self, source: str, body: bytes, *, secret: bytes | None = None, at: float | None = None
    ) -> httpx.Response:
        """Deliver as the real sender does."""
        adapter = ADAPTERS[{"typeform_demo": "typeform"}.get(source, "standard_webhooks")]
        name = {"typeform_demo": "TYPEFORM_DEMO"}.get(source, "WEBSITE")
        when = time.time() if at is None else at
        headers = adapter.sign(body, secret or SECRETS[name][0], when)
        return await self.http.post(f"/hooks/{source}", content=body, headers=headers)

    async def rows(self, query: str, *arguments: object) -> list[dict[str, Any]]:
        async with self.ctx.control.acquire() as connection:
            return [dict(row) for row in await connection.fetch(query, *arguments)]


@asynccontextmanager
async def capture(
    dsn: str, kafka: KafkaSettings, *, key: str | None = None
) -> AsyncIterator[Capture]:
    """Built and started as a process would, but for the HTTP socket."""
    settings = Settings(
        kafka=kafka,
        postgres=PostgresSettings(dsn=dsn),
        config=CONFIG,  # type: ignore[arg-type]
    )
    ctx = Context("capture", settings, SECRETS)
    await ctx.open()
    await ctx.open_lanes()
    async with ctx.control.acquire() as connection:
        key = key or await apikeys.create(connection, "test", {Scope.LEADS_WRITE}, actor="test")
    await ctx.keys.refresh(ctx.control)
    await app.build(ctx)
    await ctx.start()
    ctx.health.starting = None
    transport = httpx.ASGITransport(app=ctx.app, raise_app_exceptions=False)
    headers = {"authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://c", headers=headers) as http:
        try:
            yield Capture(ctx, http, key, kafka)
        finally:
            await ctx.stop(5.0)


class Outside:
    """An outside consumer of every topic that capture writes."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer
        self.records: list[tuple[str, bytes, dict[str, Any]]] = []

    async def until(self, enough: Callable[[Outside], bool], seconds: float = 15.0) -> None:
        async with asyncio.timeout(seconds):
            while not enough(self):
                await self.take()

    async def take(self, timeout_ms: int = 100) -> None:
        for records in (await self._consumer.getmany(timeout_ms=timeout_ms)).values():
            for record in records:
                self.records.append((record.topic, record.key, json.loads(record.value)))

    def on(self, spec: topics.TopicSpec) -> list[dict[str, Any]]:
        return [value for topic, _, value in self.records if topic == spec.name]

    def about(self, submission_id: str) -> list[dict[str, Any]]:
        outputs = {topics.CAPTURED.name, topics.CAPTURED_BULK.name, topics.QUARANTINE.name}
        return [
            value
            for topic, _, value in self.records
            if topic in outputs and value["submission_id"] == submission_id
        ]


@asynccontextmanager
async def outside(kafka: KafkaSettings) -> AsyncIterator[Outside]:
    consumer = AIOKafkaConsumer(
        *(s.name for s in (topics.SUBMISSIONS, topics.SUBMISSIONS_BULK, topics.CAPTURED,
                           topics.CAPTURED_BULK, topics.QUARANTINE)),
        bootstrap_servers=kafka.bootstrap_servers,
        group_id=None,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=20,
    )  # fmt: skip
    await consumer.start()
    try:
        yield Outside(consumer)
    finally:
        await consumer.stop()


async def eventually(check: Callable[[], Awaitable[bool]], seconds: float = 15.0) -> None:
    """Wait until ``check`` holds."""
    async with asyncio.timeout(seconds):
        while not await check():
            await asyncio.sleep(0.02)
