"""Capture in this process, built by its own ``app.build``, on real parts."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from aiokafka import AIOKafkaConsumer

from schemas import topics
from services.capture import acceptance, app, spool
from services.capture.adapters import ADAPTERS
from services.runtime import apikeys
from services.runtime.apikeys import Scope
from services.runtime.context import Context
from services.runtime.service import Build
from services.runtime.settings import KafkaSettings, PostgresSettings, Secrets, Settings
from tests.support import hooks
from tests.support.waiting import PATIENCE

CONFIG = Path("deploy/config")
SECRETS = Secrets(
    {
        "INSTALLATION": [b"an installation's secret of 32 bytes!"],
        "TYPEFORM_DEMO": [b"typeform-secret", b"typeform-secret-before"],
        "WEBSITE": [b"whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="],
    }
)
WRITING = {Scope.LEADS_WRITE, Scope.EVENTS_WRITE, Scope.PROSPECTS_WRITE}


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
        asked = hooks.signed(adapter, body, secret or SECRETS[name][0], when)
        return await self.http.post(
            f"/hooks/{source}", content=body, headers=dict(asked.headers), params=dict(asked.query)
        )

    async def rows(self, query: str, *arguments: object) -> list[dict[str, Any]]:
        async with self.ctx.control.acquire() as connection:
            return [dict(row) for row in await connection.fetch(query, *arguments)]


@asynccontextmanager
async def capture(
    dsn: str,
    kafka: KafkaSettings,
    *,
    key: str | None = None,
    config: Path = CONFIG,
    secrets: Secrets = SECRETS,
    patient: bool = True,
    build: Build = app.build,
) -> AsyncIterator[Capture]:
    """Built and started as a process would, but for the HTTP socket.

    :param build: what of capture the process runs.
    :param patient: a store may take longer than a submitter is let wait, as the machine has other
        work; not where a test is about stores that do not answer.
    """
    with pytest.MonkeyPatch.context() as patched:
        if patient:
            patched.setattr(acceptance, "KAFKA_TIMEOUT_S", 20.0)
            patched.setattr(spool, "PUT_TIMEOUT_S", 20.0)
        async with _started(dsn, kafka, key, config, secrets, build) as started:
            yield started


@asynccontextmanager
async def _started(
    dsn: str, kafka: KafkaSettings, key: str | None, config: Path, secrets: Secrets, build: Build
) -> AsyncIterator[Capture]:
    settings = Settings(
        kafka=kafka,
        postgres=PostgresSettings(dsn=dsn),
        config=config,  # type: ignore[arg-type]
    )
    ctx = Context("capture", settings, secrets)
    await ctx.open()
    await ctx.open_lanes()
    async with ctx.control.acquire() as connection:
        key = key or await apikeys.create(connection, "test", WRITING, actor="test")
    await ctx.keys.refresh(ctx.control)
    await build(ctx)
    await ctx.start()
    ctx.health.starting = None
    transport = httpx.ASGITransport(app=ctx.app, raise_app_exceptions=False)
    headers = {"authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://c", headers=headers) as http:
        try:
            yield Capture(ctx, http, key, kafka)
        finally:
            await ctx.stop(5.0)


AT_ONCE_S = 0.5
"""What waits for nothing that hangs takes less."""


async def timed(it: Capture, name: str) -> tuple[httpx.Response, float]:
    """A lead's answer, and the seconds until it came."""
    began = time.monotonic()
    answer = await it.lead(email=f"{name}@acme.com")
    return answer, time.monotonic() - began


def nearly_all_at_once(outcomes: Sequence[tuple[httpx.Response, float]]) -> bool:
    """Whoever waited for what hangs took a second; the machine may have stalled once or twice."""
    return sum(seconds > AT_ONCE_S for _, seconds in outcomes) <= len(outcomes) / 10


async def spooled(it: Capture) -> int:
    """Submissions that wait in Postgres."""
    [row] = await it.rows("select count(*) from capture.spool where ended_at is null")
    return int(row["count"])


class Outside:
    """An outside consumer of every topic that capture writes."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer
        self.records: list[tuple[str, bytes, dict[str, Any]]] = []

    async def until(self, enough: Callable[[Outside], bool], seconds: float = 15.0) -> None:
        async with asyncio.timeout(PATIENCE * seconds):
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
                           topics.CAPTURED_BULK, topics.QUARANTINE, topics.ACTIVITIES,
                           topics.SIGNALS)),
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


class Proxy:
    """A way to a server that can be frozen: connections stay open and nothing passes."""

    def __init__(self, dsn: str) -> None:
        parts = urlsplit(dsn)
        self._to = (parts.hostname or "", parts.port or 5432)
        self._dsn = parts
        self._open = asyncio.Event()
        self._open.set()
        self._tasks: set[asyncio.Task[None]] = set()

    def freeze(self) -> None:
        self._open.clear()

    def thaw(self) -> None:
        self._open.set()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        """The DSN that leads through here."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        user = self._dsn.netloc.rpartition("@")[0]
        try:
            yield self._dsn._replace(netloc=f"{user}@127.0.0.1:{port}").geturl()
        finally:
            self.thaw()
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*self._to)
        for source, to in ((reader, back), (there, writer)):
            task = asyncio.create_task(self._pump(source, to))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(self, source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65_536):
                await self._open.wait()
                to.write(data)
                await to.drain()
        except OSError:
            pass
        finally:
            to.close()
