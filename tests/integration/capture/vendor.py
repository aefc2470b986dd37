"""A vendor's API on a loopback socket, which answers as it is told to, in turn."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

TOKEN = b"pat-of-the-vendor"


@dataclass(frozen=True)
class Reply:
    """One answer; ``delay_s`` before its first byte."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0


class Vendor:
    """HubSpot's contacts API: knows who is in ``contacts``; ``faults`` come before any answer,
    ``always`` is what it says of a contact for good."""

    def __init__(self) -> None:
        self.contacts: dict[str, dict[str, str]] = {}
        self.always: dict[str, Reply] = {}
        self.faults: list[Reply] = []
        self.asked: list[tuple[str, float]] = []
        """Path and moment of each request that showed the token."""
        self.without_token = 0
        self.url = ""

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Vendor]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            reply = self._reply(head)
            await asyncio.sleep(reply.delay_s)
            body = b"" if reply.body is None else json.dumps(reply.body).encode()
            lines = [f"HTTP/1.1 {reply.status} Said", f"content-length: {len(body)}"]
            lines += [f"{name}: {value}" for name, value in reply.headers.items()]
            writer.write("\r\n".join([*lines, "connection: close", "", ""]).encode() + body)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def _reply(self, head: str) -> Reply:
        request, *lines = head.split("\r\n")
        headers = {n.lower(): v for n, _, v in (line.partition(": ") for line in lines)}
        if headers.get("authorization") != f"Bearer {TOKEN.decode()}":
            self.without_token += 1
            return Reply(401)
        method, target, _ = request.split(" ")
        path = target.partition("?")[0]
        assert method == "GET"
        self.asked.append((path, asyncio.get_running_loop().time()))
        if self.faults:
            return self.faults.pop(0)
        contact = path.rpartition("/")[2]
        if contact in self.always:
            return self.always[contact]
        if contact not in self.contacts:
            return Reply(404, {"status": "error"})
        return Reply(200, {"id": contact, "properties": self.contacts[contact]})
