"""Slow and idle senders beside good ones, and how long the good ones wait."""

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

from tests.support.pipeline import SECRETS, Pipeline
from tests.support.traffic import Request

IDLE, SLOW_HEADERS, SLOW_BODIES = 2_000, 150, 150
LOCAL = "127.0.2.1" if sys.platform.startswith("linux") else "127.0.0.1"
"""Where good ones come from: another network than that of the slow ones."""


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


async def good(pipeline: Pipeline, requests: list[Request], rate: float) -> list[tuple[int, float]]:
    """Status and seconds of each, sent at ``rate`` a second from an address of their own."""
    transport = httpx.AsyncHTTPTransport(
        local_address=LOCAL, limits=httpx.Limits(max_connections=200, max_keepalive_connections=20)
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
            await asyncio.sleep(1 / rate)
    return found
