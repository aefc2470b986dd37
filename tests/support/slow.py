"""Senders that keep a server waiting: ``python -m tests.support.slow HOST PORT PATH N N N``.

So many idle sockets, headers that never end and bodies that trickle; whoever is cut comes again,
until standard input ends. Then one line of JSON: per kind how often it was cut, the longest that
one of them was let wait (seconds), and how many connections were refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import sys
import time
from collections.abc import Callable, Coroutine
from dataclasses import asdict, dataclass, field

_DRIP_S = 1.0


@dataclass
class Kind:
    """What became of the senders of one kind."""

    cut: int = 0
    longest: float = 0.0
    refused: int = 0
    held: set[int] = field(default_factory=set)
    """Those that are connected now."""


Talk = Callable[[asyncio.StreamWriter], Coroutine[None, None, None]]


async def _idle(_: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


def _dripping(first: bytes, drop: bytes) -> Talk:
    async def talk(writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        while True:
            await asyncio.sleep(_DRIP_S)
            writer.write(drop)
            await writer.drain()

    return talk


async def _one(number: int, kind: Kind, address: tuple[str, int], talk: Talk) -> None:
    while True:
        try:
            reader, writer = await asyncio.open_connection(*address)
        except OSError:
            kind.refused += 1
            await asyncio.sleep(0.2)
            continue
        began = time.monotonic()
        kind.held.add(number)
        talking = asyncio.create_task(talk(writer))
        try:
            with contextlib.suppress(OSError):
                while await reader.read(65_536):
                    pass
            kind.cut += 1
        finally:
            kind.longest = max(kind.longest, time.monotonic() - began)
            kind.held.discard(number)
            talking.cancel()
            await asyncio.gather(talking, return_exceptions=True)
            writer.close()


async def main(host: str, port: int, path: str, counts: list[int]) -> None:
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\n"
    talks: dict[str, Talk] = {
        "idle": _idle,
        "headers": _dripping(head.encode(), b"X-More: 1\r\n"),
        "bodies": _dripping(f"{head}Content-Length: 60000\r\n\r\n".encode(), b"x"),
    }
    kinds = {name: Kind() for name in talks}
    tasks = [
        asyncio.create_task(_one(number, kinds[name], (host, port), talks[name]))
        for name, count in zip(talks, counts, strict=True)
        for number in range(count)
    ]
    while sum(len(kind.held) for kind in kinds.values()) < sum(counts) * 0.95:
        await asyncio.sleep(0.05)
    print("held", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for task in tasks:
        task.cancel()
    result = {name: asdict(kind) | {"held": len(kind.held)} for name, kind in kinds.items()}
    await asyncio.gather(*tasks, return_exceptions=True)
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3], [int(n) for n in sys.argv[4:7]]))
