"""Two thousand idle sockets and hundreds of slow senders beside people who only want an answer."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from services.runtime.connections import BODY_SECONDS, HEADER_SECONDS
from tests.support import used
from tests.support.pipeline import SECRETS, Pipeline
from tests.support.traffic import Request, traffic
from tests.support.world import world

pytestmark = [pytest.mark.real_kafka, pytest.mark.timeout(240)]

IDLE, SLOW_HEADERS, SLOW_BODIES = 2_000, 150, 150
RATE, SECONDS = 100, 12
GRACE_S = 4.0
"""For a machine on which the senders, the server, Kafka and Postgres share two cores."""


@contextmanager
def slow_senders(url: str) -> Iterator[dict[str, Any]]:
    """They are connected when entered; what became of them is there after the block."""
    parts = urlsplit(url)
    counts = [str(count) for count in (IDLE, SLOW_HEADERS, SLOW_BODIES)]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.slow", str(parts.hostname), str(parts.port),
         "/hooks/website", *counts],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert process.stdout is not None
    result: dict[str, Any] = {}
    try:
        assert process.stdout.readline() == "held\n"
        yield result
        said, _ = process.communicate("", timeout=30)
        result.update(json.loads(said))
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


async def good(pipeline: Pipeline, requests: list[Request], local: str) -> list[tuple[int, float]]:
    """Status and seconds of each, sent at ``RATE`` a second from an address of their own."""
    transport = httpx.AsyncHTTPTransport(
        local_address=local, limits=httpx.Limits(max_connections=200, max_keepalive_connections=20)
    )
    found: list[tuple[int, float]] = []

    async def one(client: httpx.AsyncClient, request: Request) -> None:
        began = time.monotonic()
        headers = request.headers(pipeline.up.line["api_key"], SECRETS)
        url = f"{pipeline.up.http}{request.path}"
        answer = await client.post(url, content=request.body, headers=headers)
        found.append((answer.status_code, time.monotonic() - began))

    async with (
        httpx.AsyncClient(transport=transport, timeout=20) as client,
        asyncio.TaskGroup() as group,
    ):
        for request in requests:
            group.create_task(one(client, request))
            await asyncio.sleep(1 / RATE)
    return found


def p99(found: list[tuple[int, float]]) -> float:
    return sorted(seconds for _, seconds in found)[int(len(found) * 0.99)]


async def test_slow_and_idle_ones_are_cut_and_cost_nobody_an_answer(
    pipeline: Pipeline, run: str
) -> None:
    count = RATE * SECONDS
    requests = list(traffic(run, 2 * count))
    async with world(pipeline) as outside:
        local = "127.0.2.1" if sys.platform.startswith("linux") else "127.0.0.1"
        alone = await good(pipeline, requests[:count], local)
        with slow_senders(pipeline.up.http) as slow:
            beside = await good(pipeline, requests[count:], local)
        used.note(
            "Good p99",
            f"{1000 * p99(alone):.0f} ms alone, {1000 * p99(beside):.0f} ms beside {IDLE} idle, "
            f"{SLOW_HEADERS + SLOW_BODIES} slow",
        )
        await outside.settled()
    assert {status for status, _ in alone} == {200}
    assert {status for status, _ in beside} == {200}
    for kind, deadline in (
        ("idle", HEADER_SECONDS), ("headers", HEADER_SECONDS), ("bodies", BODY_SECONDS),
    ):  # fmt: skip
        assert slow[kind]["cut"] > 0, f"none of the {kind} was cut"
        assert slow[kind]["longest"] < deadline + GRACE_S, (kind, slow)
