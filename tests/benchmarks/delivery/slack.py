"""A Slack in the process of the load: one clock times all. And a sink that never answers."""

from __future__ import annotations

import asyncio
import json
import re
import time
from dataclasses import dataclass, field
from typing import Self

from tests.support.loopback import Loopback

_ADDRESS = re.compile(rb"dana\.[a-z0-9.-]+@[a-z0-9.-]+")
_HEAD_END = b"\r\n\r\n"


@dataclass
class Slack(Loopback):
    """Takes ``chat.postMessage`` with its token; notes when it took which lead's."""

    token: str
    taken: dict[str, float] = field(default_factory=dict)
    """The lead's address -> when its first message was accepted."""
    repeated: int = 0
    refused: int = 0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(_HEAD_END)).lower()
                length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
                body = await reader.readexactly(length)
                said = json.dumps(self._answer(head, body)).encode()
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                    b"Content-Length: %d\r\n\r\n" % len(said) + said
                )
        except (OSError, asyncio.IncompleteReadError):
            writer.close()

    def _answer(self, head: bytes, body: bytes) -> dict[str, object]:
        path = head.split(b" ", 2)[1]
        proof = b"authorization: bearer " + self.token.lower().encode()
        if not path.endswith(b"/chat.postmessage") or proof not in head:
            self.refused += 1
            return {"ok": False, "error": "invalid_auth"}
        channel, found = json.loads(body)["channel"], _ADDRESS.search(body)
        if found is None:
            self.refused += 1
            return {"ok": False, "error": "no_text"}
        now, address = time.perf_counter(), found[0].decode()
        self.repeated += address in self.taken
        self.taken.setdefault(address, now)
        return {"ok": True, "ts": f"{now:.6f}", "channel": channel}


class Hanging:
    """Takes connections and whole requests, and answers nothing."""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.read(65_536):
                pass
        finally:
            writer.close()
