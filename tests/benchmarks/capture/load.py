"""Requests over kept connections, as cheaply as Python can: the server is what is measured."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass(slots=True)
class Outcome:
    """One portion of load."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    """Seconds from the scheduled moment (or the sending, where as fast as possible) to the 200."""
    refused: int = 0


async def run(
    url: str, headers: dict[str, str], bodies: Iterator[bytes], count: int,
    connections: int, rate: float | None,
) -> Outcome:  # fmt: skip
    """``count`` POSTs.

    :param url: with its path.
    :param rate: a second, at times that are fixed beforehand; None: as fast as there are answers.
    """
    parts, outcome = urlsplit(url), Outcome()
    lines = [f"POST {parts.path} HTTP/1.1", f"Host: {parts.netloc}"]
    head = "\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers.items())])
    began = time.perf_counter()
    due = iter([began + n / rate if rate else 0.0 for n in range(count)])

    async def connection() -> None:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        for at in due:
            wait = at - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            body = next(bodies)
            sent = at or time.perf_counter()
            writer.write(f"{head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
            if await _status(reader) == 200:
                outcome.latencies.append(time.perf_counter() - sent)
            else:
                outcome.refused += 1
        writer.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(connection())
    outcome.seconds = time.perf_counter() - began
    return outcome


async def _status(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        int(line.partition(b":")[2])
        for line in head.lower().split(b"\r\n")
        if line.startswith(b"content-length:")
    )
    await reader.readexactly(length)
    return int(head[9:12])
